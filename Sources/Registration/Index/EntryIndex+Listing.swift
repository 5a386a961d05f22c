import SPIFFE

/// One page of a listing.
package struct EntryPage: Hashable, Sendable {
    /// Ordered by id.
    package let entries: [RegistrationEntry]
    /// The id after which the next page begins; `nil` when this is the last.
    package let next: String?
}

extension EntryIndex {
    /// One page of the entries that match, ordered by id.
    ///
    /// Stable under change: an entry present throughout is listed exactly once over all pages.
    ///
    /// - Parameters:
    ///   - after: ``EntryPage/next`` of the page before; `nil` for the first.
    ///   - limit: The most entries of the page, 1 or more.
    package func page(_ filter: EntryFilter = EntryFilter(), after id: String? = nil, limit: Int) -> EntryPage {
        var entries: [RegistrationEntry] = []
        for entry in self.candidates(of: filter, after: id) where filter.matches(entry) {
            if entries.count >= max(limit, 1) { return EntryPage(entries: entries, next: entries.last?.id) }
            entries.append(entry)
        }
        return EntryPage(entries: entries, next: nil)
    }

    /// How many entries match.
    package func count(_ filter: EntryFilter) -> Int {
        self.candidates(of: filter, after: nil).reduce(0) { count, entry in filter.matches(entry) ? count + 1 : count }
    }

    /// The smallest list at hand that has every match.
    private func candidates(of filter: EntryFilter, after id: String?) -> AnySequence<RegistrationEntry> {
        let indexed: [RegistrationEntry]
        if let spiffeID = filter.spiffeID {
            indexed = self.entries(spiffeID: spiffeID)
        } else if let parentID = filter.parentID {
            indexed = self.entries(parentID: parentID)
        } else {
            return AnySequence(self.entries(after: id))
        }
        guard let id else { return AnySequence(indexed) }
        return AnySequence(indexed.lazy.filter { $0.id > id })
    }
}
