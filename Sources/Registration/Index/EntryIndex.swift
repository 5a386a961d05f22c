package import SPIFFE

/// All entries of a server in memory: by id, by parent, by SPIFFE ID, and those that make node aliases by selector.
///
/// A value: a changed copy shares almost everything with the original, so a snapshot that a reader holds costs the next
/// change microseconds also with a million entries. All lists are ordered by entry id.
package struct EntryIndex: Sendable {
    private var byID = SortedEntries()
    private var byParent = ShardedDictionary<SPIFFEID, SortedEntries>()
    private var bySPIFFEID = ShardedDictionary<SPIFFEID, SortedEntries>()
    /// Node entries, each under the least of its selectors: an agent that has them all has that one.
    private var nodeEntries = ShardedDictionary<Selector, SortedEntries>()

    /// An index of these entries; of several with one id, the last counts.
    package init(_ entries: [RegistrationEntry] = []) {
        let unique = Dictionary(entries.map { ($0.id, SortedEntries.Element($0)) }) { _, last in last }
        let sorted = unique.values.sorted { $0.entry.id < $1.entry.id }
        self.byID = SortedEntries(sorted: sorted)
        for (parentID, elements) in Dictionary(grouping: sorted, by: \.entry.parentID) {
            self.byParent[parentID, default: SortedEntries()] = SortedEntries(sorted: elements)
        }
        for (spiffeID, elements) in Dictionary(grouping: sorted, by: \.entry.spiffeID) {
            self.bySPIFFEID[spiffeID, default: SortedEntries()] = SortedEntries(sorted: elements)
        }
        for element in sorted {
            guard let selector = Self.nodeSelector(of: element.entry) else { continue }
            self.nodeEntries[selector, default: SortedEntries()].insert(element)
        }
    }

    package var count: Int { self.byID.count }

    package subscript(id: String) -> RegistrationEntry? { self.byID[id] }

    /// Adds or replaces entries by id, and removes ids; an unknown id to remove is ignored.
    package mutating func apply(upserts: [RegistrationEntry] = [], removals: some Sequence<String> = []) {
        for id in removals {
            guard let old = self.byID[id] else { continue }
            self.unlink(old)
            self.byID.remove(id: id)
        }
        for entry in upserts {
            if let old = self.byID[entry.id] { self.unlink(old) }
            let element = SortedEntries.Element(entry)
            self.byID.insert(element)
            self.byParent[entry.parentID, default: SortedEntries()].insert(element)
            self.bySPIFFEID[entry.spiffeID, default: SortedEntries()].insert(element)
            if let selector = Self.nodeSelector(of: entry) {
                self.nodeEntries[selector, default: SortedEntries()].insert(element)
            }
        }
    }

    /// All entries, ordered by id, after an id if one is given.
    package func entries(after id: String? = nil) -> some Sequence<RegistrationEntry> {
        self.byID.entries(after: id)
    }

    package func entries(parentID: SPIFFEID) -> [RegistrationEntry] {
        self.byParent[parentID].map { Array($0.entries()) } ?? []
    }

    /// Whether any entry has this parent.
    package func hasEntries(parentID: SPIFFEID) -> Bool {
        self.byParent[parentID] != nil
    }

    package func entries(spiffeID: SPIFFEID) -> [RegistrationEntry] {
        self.bySPIFFEID[spiffeID].map { Array($0.entries()) } ?? []
    }

    /// Node entries whose least selector is the given one.
    func nodeEntries(leastSelector selector: Selector) -> [RegistrationEntry] {
        self.nodeEntries[selector].map { Array($0.entries()) } ?? []
    }

    private mutating func unlink(_ entry: RegistrationEntry) {
        Self.remove(entry.id, at: entry.parentID, from: &self.byParent)
        Self.remove(entry.id, at: entry.spiffeID, from: &self.bySPIFFEID)
        if let selector = Self.nodeSelector(of: entry) {
            Self.remove(entry.id, at: selector, from: &self.nodeEntries)
        }
    }

    private static func remove<Key>(
        _ id: String, at key: Key, from dictionary: inout ShardedDictionary<Key, SortedEntries>
    ) {
        dictionary[key, default: SortedEntries()].remove(id: id)
        if dictionary[key]?.isEmpty ?? false { dictionary.removeValue(forKey: key) }
    }

    /// The least selector of a node entry: one whose parent is the server itself.
    private static func nodeSelector(of entry: RegistrationEntry) -> Selector? {
        entry.parentID.path == Self.serverPath ? entry.selectors.first : nil
    }

    /// The path of the server's own SPIFFE ID.
    package static let serverPath = "/spire/server"
}
