import AccessGrants
import AccessTokens
import Audit
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
        by actor: Actor, route: String,
        _ plan: @Sendable (AccessPolicy) throws -> (changes: [AccessChange], value: Value)
    ) async throws -> Value {
        try await self.writes.run {
            let before = self.registry.access
            let (changes, value) = try plan(before)
            let policy = try before.applying(changes)
            guard !changes.isEmpty else { return value }
            let position = try await self.writing {
                try await self.accessStore.apply(changes, actor: actor, now: self.instants.now())
            }
            self.registry.setAccess(policy, position: position)
            for change in changes {
                self.record(.changed, .grant, route: route, by: actor) { event in
                    if case .putGrant = change {
                        event.note(change, of: policy)
                    } else {
                        event.note(change, of: before)
                    }
                }
            }
            self.logger.info(
                "access policy changed",
                metadata: [LogKey.count: "\(changes.count)", LogKey.caller: "\(actor)"])
            return value
        }
    }
}
