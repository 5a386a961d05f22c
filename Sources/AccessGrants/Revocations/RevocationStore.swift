package import AccessTokens
package import FoundationEssentials
package import Registration

/// A revocation as it is kept: with who made it, why, and its number in the change log.
package struct RecordedRevocation: Hashable, Sendable {
    package let revocation: Revocation
    package let reason: String
    package let createdBy: Actor
    package let number: UInt64

    package init(_ revocation: Revocation, reason: String, createdBy: Actor, number: UInt64) {
        self.revocation = revocation
        self.reason = reason
        self.createdBy = createdBy
        self.number = number
    }
}

extension Revocation.Target {
    /// The `kid`s of the keys that are revoked.
    package static func keyIDs(of recorded: [RecordedRevocation]) -> Set<String> {
        Set(recorded.compactMap { if case .key(let id) = $0.revocation.target { id } else { nil } })
    }
}

/// Where revocations are kept until they expire.
package protocol RevocationStore: Sendable {
    /// All that are kept, in the order of their numbers, and the position after them.
    func revocations() async throws(StoreFailure) -> (revocations: [RecordedRevocation], position: ChangePosition)

    /// Keeps a revocation, in place of one of the same target; it takes the next number of the change log.
    func put(
        _ revocation: Revocation, reason: String, actor: Actor, now: Date
    ) async throws(StoreFailure) -> ChangePosition

    /// Forgets those that have expired, and returns how many.
    func pruneRevocations(now: Date) async throws(StoreFailure) -> Int
}
