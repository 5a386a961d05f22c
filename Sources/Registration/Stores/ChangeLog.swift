/// The numbered history of everything agents and replicas must follow.
///
/// Gap-free by construction: a number is taken inside the transaction that makes the change, so a reader that has seen
/// N has seen everything up to N.
package protocol ChangeLog: Sendable {
    /// The epochs before this one, each with the last number that is true of it.
    ///
    /// A position of one of them, up to that number, is a point of this log's history. One beyond it, or of an epoch
    /// that is not here, is not: the store was restored from a copy that did not have it, or it is another store's.
    var earlierEpochs: [String: UInt64] { get }

    /// The changes after a number, oldest first, at most `limit` (1 or more) of them.
    func changes(after number: UInt64, limit: Int) async throws(StoreFailure) -> ChangesAfter

    /// The number of the last change, 0 in a new store.
    func position() async throws(StoreFailure) -> ChangePosition
}

/// What a change log answers to a reader that has seen everything up to some number.
package enum ChangesAfter: Hashable, Sendable {
    /// The changes that follow without a gap; empty when the reader is up to date.
    case changes([Change])
    /// The log no longer has everything the reader missed; it must take a full snapshot.
    ///
    /// `oldest` is the first number that is retained.
    case tooOld(oldest: UInt64)
    /// The reader has seen more than this log has ever held, as after a restore; it must take a full snapshot.
    case ahead(last: UInt64)
}
