package import FoundationEssentials

/// When entries expire, and which of them have, by a clock that somebody may set.
///
/// An expired entry waits for its deletion by looks at equal distances in time, not by the clock: one that stepped
/// forward, and is set back before the last look, has cost nothing.
package struct EntryExpiries: Sendable {
    /// The look at which an entry may be deleted.
    package static let looks = 6

    private struct Expiry: Sendable {
        let date: Date
        let id: String
    }

    private var dates: [String: Date] = [:]
    /// A heap with the earliest first; what is no longer so in ``dates``, or has expired, is passed over.
    private var waiting: [Expiry] = []
    /// How often an expired entry was looked at.
    private var expired: [String: Int] = [:]
    /// The time that was noted last.
    private var now = Date.distantPast

    package init() {}

    /// Whether no entry expires.
    package var isEmpty: Bool { self.dates.isEmpty }

    /// The entries that have expired and were not deleted.
    package var expiredIDs: some Collection<String> { self.expired.keys }

    package func hasExpired(_ id: String) -> Bool { self.expired[id] != nil }

    /// Notes when an entry expires; `nil` when it does not, or is no more.
    package mutating func set(_ date: Date?, for id: String) {
        guard self.dates[id] != date else { return }
        self.dates[id] = date
        self.expired[id] = nil
        if let date { self.push(Expiry(date: date, id: id)) }
    }

    /// When the next entry expires.
    package mutating func next() -> Date? {
        while let first = self.waiting.first, !self.isCurrent(first) { self.popFirst() }
        return self.waiting.first?.date
    }

    /// Takes note of the time.
    ///
    /// - Returns: What has expired since the last time, and what had by a clock that was set back since.
    package mutating func follow(now: Date) -> (expired: [String], revived: [String]) {
        // Time that goes on revives nothing.
        let revived = now < self.now ? self.expired.keys.filter { id in self.dates[id].map { $0 > now } ?? true } : []
        self.now = now
        for id in revived {
            self.expired[id] = nil
            if let date = self.dates[id] { self.push(Expiry(date: date, id: id)) }
        }
        var expired: [String] = []
        while let date = self.next(), date <= now {
            let id = self.popFirst().id
            self.expired[id] = 0
            expired.append(id)
        }
        return (expired, revived)
    }

    /// Looks at the expired entries.
    ///
    /// - Returns: Those to delete; the same again at the next look until they are.
    package mutating func look() -> [String] {
        for id in self.expired.keys { self.expired[id, default: 0] += 1 }
        return self.expired.filter { $0.value >= Self.looks }.keys.sorted()
    }

    // MARK: The heap

    private func isCurrent(_ expiry: Expiry) -> Bool {
        self.dates[expiry.id] == expiry.date && self.expired[expiry.id] == nil
    }

    private mutating func push(_ expiry: Expiry) {
        // Dates that were changed leave their old places behind.
        if self.waiting.count > 2 * self.dates.count + 64 {
            let current = self.waiting.filter { self.isCurrent($0) }
            self.waiting = []
            for expiry in current { self.insert(expiry) }
        }
        self.insert(expiry)
    }

    private mutating func insert(_ expiry: Expiry) {
        self.waiting.append(expiry)
        var index = self.waiting.count - 1
        while index > 0, self.waiting[index].date < self.waiting[(index - 1) / 2].date {
            self.waiting.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// - Precondition: The heap is not empty.
    @discardableResult
    private mutating func popFirst() -> Expiry {
        self.waiting.swapAt(0, self.waiting.count - 1)
        let first = self.waiting.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < self.waiting.count && self.waiting[child].date < self.waiting[least].date {
                least = child
            }
            guard least != index else { return first }
            self.waiting.swapAt(index, least)
            index = least
        }
    }
}
