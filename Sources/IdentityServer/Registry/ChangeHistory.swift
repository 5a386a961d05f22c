package import SPIFFE

/// The latest changes of registration entries, for agents that were away for a moment.
///
/// A change is remembered by its number in the change log and the entries it touched. Numbers ascend; those in between
/// belong to changes of other kinds.
package struct ChangeHistory: Sendable {
    /// What one change of the log did to entries.
    package struct Record: Hashable, Sendable {
        package let number: UInt64
        package let touches: [Touch]
        /// An agent may have gained or lost entries that are not among the touched: a parent of others came, went or
        /// moved.
        package let movesOthers: Bool

        package init(number: UInt64, touches: [Touch], movesOthers: Bool) {
            self.number = number
            self.touches = touches
            self.movesOthers = movesOthers
        }

        /// What the record takes of the history's capacity.
        fileprivate var size: Int { max(self.touches.count, 1) }
    }

    /// An entry that was created, changed or deleted.
    package struct Touch: Hashable, Sendable {
        package let entryID: String
        /// The SPIFFE IDs above the entry, before and after the change.
        package let lineage: Set<SPIFFEID>

        package init(entryID: String, lineage: Set<SPIFFEID>) {
            self.entryID = entryID
            self.lineage = lineage
        }
    }

    /// What happened since a number.
    package enum Extract: Hashable, Sendable {
        /// Exactly these entries were touched.
        case touched(Set<String>)
        /// More than can be told by the entries' IDs.
        case unknown
    }

    private let capacity: Int
    private var records: [Record] = []
    /// The index of the oldest that is remembered; those before it are empty.
    private var first = 0
    /// What is remembered has this size.
    private var size = 0
    /// Every change of an entry after this number is remembered.
    private var completeAfter: UInt64

    /// - Parameter capacity: How many touched entries are remembered; a record takes one place at least.
    package init(completeAfter number: UInt64, capacity: Int) {
        self.completeAfter = number
        self.capacity = capacity
    }

    package mutating func append(_ record: Record) {
        self.records.append(record)
        self.size += record.size
        while self.size > self.capacity { self.forgetOldest() }
        // Freed in bulk: each record is moved at most once for each that is appended.
        if self.first > self.records.count / 2 {
            self.records.removeFirst(self.first)
            self.first = 0
        }
    }

    private mutating func forgetOldest() {
        let oldest = self.records[self.first]
        self.completeAfter = oldest.number
        self.size -= oldest.size
        self.records[self.first] = Record(number: oldest.number, touches: [], movesOthers: false)
        self.first += 1
    }

    /// The entries at or below `roots` that were touched by the changes after `number`.
    package func extract(after number: UInt64, below roots: Set<SPIFFEID>) -> Extract {
        guard number >= self.completeAfter else { return .unknown }
        var touched: Set<String> = []
        for record in self.records[self.start(after: number)...] {
            if record.movesOthers { return .unknown }
            for touch in record.touches where !touch.lineage.isDisjoint(with: roots) {
                touched.insert(touch.entryID)
            }
        }
        return .touched(touched)
    }

    /// The index of the first record after `number`.
    private func start(after number: UInt64) -> Int {
        var low = self.first
        var high = self.records.count
        while low < high {
            let middle = low + (high - low) / 2
            if self.records[middle].number > number { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
