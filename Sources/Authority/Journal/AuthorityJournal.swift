package import FoundationEssentials

/// Keeps the records of the authorities for good.
///
/// One process writes. What ``save(_:now:)`` has returned from survives a crash of the process and of the machine.
package protocol AuthorityJournal: Sendable {
    /// The records saved last; `AuthorityRecords()` when there are none.
    func load() async throws -> AuthorityRecords

    /// Replaces the records, all or nothing.
    ///
    /// When ``AuthorityRecords/bundleSequence`` differs from that of the records before, the trust bundle has changed: a
    /// store with a change log notes that in the same transaction. Called before any of it is published or used; when it
    /// throws, the caller goes on with what was in force.
    ///
    /// - Parameter now: The time of the change.
    func save(_ records: AuthorityRecords, now: Date) async throws
}
