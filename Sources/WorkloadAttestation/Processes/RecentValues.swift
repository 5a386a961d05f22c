/// A limited number of values, of which the one that was not used for the longest makes room for a new one.
struct RecentValues<Key: Hashable, Value> {
    private struct Entry {
        let value: Value
        var lastUse: UInt64
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0

    /// - Parameter limit: The most values that are kept; at least 1.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func value(for key: Key) -> Value? {
        guard let entry = self.entries[key] else { return nil }
        self.uses += 1
        self.entries[key]?.lastUse = self.uses
        return entry.value
    }

    mutating func set(_ value: Value, for key: Key) {
        if self.entries[key] == nil, self.entries.count >= self.limit,
            let unused = self.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            self.entries[unused.key] = nil
        }
        self.uses += 1
        self.entries[key] = Entry(value: value, lastUse: self.uses)
    }
}
