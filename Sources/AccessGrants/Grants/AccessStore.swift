package import FoundationEssentials
package import Registration

/// Where services and grants are kept.
package protocol AccessStore: Sendable {
    /// Everything that is kept.
    func accessPolicy() async throws(StoreFailure) -> AccessPolicy

    /// Makes changes that were checked against the policy, in one transaction: all of them, or none.
    ///
    /// Each takes the next number of the change log, with the actor.
    func apply(_ changes: [AccessChange], actor: Actor, now: Date) async throws(StoreFailure) -> ChangePosition
}
