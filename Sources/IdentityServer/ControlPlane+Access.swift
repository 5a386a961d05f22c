import AccessGrants
import AccessTokens
import FoundationEssentials
import Logging
import Registration
import Rotation

extension ControlPlane {
    /// Writes changes of services and grants to the store, then to memory, all of them or none.
    ///
    /// - Parameter plan: What to do, given the policy as it is when the turn comes; nothing is a change, too.
    /// - Returns: What `plan` returned beside the changes.
    /// - Throws: `AccessRefusal`, what `plan` throws, and `StoreFailure`.
    func changeAccess<Value: Sendable>(
        by actor: Actor, _ plan: @Sendable (AccessPolicy) throws -> (changes: [AccessChange], value: Value)
    ) async throws -> Value {
        try await self.writes.run {
            var policy = self.registry.access
            let (changes, value) = try plan(policy)
            for change in changes {
                try policy.check(change)
                policy.apply(change)
            }
            guard !changes.isEmpty else { return value }
            let position = try await self.writing {
                try await self.accessStore.apply(changes, actor: actor, now: self.instants.now())
            }
            self.registry.setAccess(policy, position: position)
            self.logger.info(
                "access policy changed",
                metadata: [LogKey.count: "\(changes.count)", LogKey.caller: "\(actor)"])
            return value
        }
    }
}
