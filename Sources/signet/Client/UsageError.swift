/// Wrong usage found after parsing; exit code 2, nothing was sent.
struct UsageError: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
