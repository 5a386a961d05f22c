/// One page of a listing that is ordered by a key.
struct Page<Item> {
    let items: [Item]
    /// The key after which the next page begins; empty at the end.
    let next: String

    /// - Parameters:
    ///   - sorted: All items, in the order of their keys by bytes.
    ///   - token: The key of the last item the caller has; empty for the first page.
    init(_ sorted: [Item], after token: String, size: PageSize, key: (Item) -> String) {
        let rest =
            token.isEmpty
            ? sorted[...] : sorted.drop { !token.utf8.lexicographicallyPrecedes(key($0).utf8) }
        self.items = Array(rest.prefix(size.count))
        self.next = rest.count > size.count ? self.items.last.map(key) ?? "" : ""
    }
}
