import FoundationEssentials
import Registration

/// Takes the numbers of one transaction's changes.
struct ChangeRecorder {
    /// The last number taken, or the store's last before the first is taken.
    private(set) var number: UInt64
    private let actor: Actor
    private let time: Date

    init(after number: UInt64, actor: Actor, time: Date) {
        self.number = number
        self.actor = actor
        self.time = time
    }

    mutating func record(_ kind: ChangeKind, _ key: String, on sql: any SQLConnection) throws(StoreFailure) {
        self.number += 1
        try ChangesTable.insert(
            sql, Change(number: self.number, kind: kind, key: key, actor: self.actor, time: self.time))
    }
}
