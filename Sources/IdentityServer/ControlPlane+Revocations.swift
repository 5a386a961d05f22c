import AccessGrants
import AccessTokens
import Audit
import Authority
import FoundationEssentials
import Logging
import Registration
import Rotation

/// Why something was not revoked; nothing has changed.
enum RevocationRefusal: Error, Hashable {
    /// There is no authorization server, and so no validators that would hear of it.
    case noAuthorizationServer
    case unknownKey
    case tooMany
}

extension ControlPlane {
    /// Nothing that is revoked is valid for longer after its own end: clocks differ.
    static let revocationLeeway: TimeInterval = 60

    /// Takes back what has been issued until now: in the store first, then in memory, then everybody is told.
    ///
    /// A revocation of what is revoked already takes its place: it holds from now on.
    ///
    /// - Throws: `RevocationRefusal`, and what the stores throw.
    func revoke(
        _ target: Revocation.Target, reason: String, by actor: Actor, route: String
    ) async throws -> RecordedRevocation {
        guard let tokens = self.tokens else { throw RevocationRefusal.noAuthorizationServer }
        return try await self.writes.run {
            let now = self.instants.now().wholeSeconds
            guard tokens.feed.count < ControlPlaneLimits.maxRevocations else { throw RevocationRefusal.tooMany }
            let revocation = Revocation(target, revokedAt: now, expiresAt: try self.end(of: target, tokens, now: now))
            let position = try await self.writing {
                try await self.revocationStore.put(revocation, reason: reason, actor: actor, now: now)
            }
            let recorded = RecordedRevocation(
                revocation, reason: reason, createdBy: actor, number: position.number)
            tokens.feed.add(recorded, position: position)
            if case .key(let id) = target { try await tokens.issuance.keys.withdraw(keyID: id, now: now) }
            self.record(.revoked, .accessToken, route: route, by: actor) { event in
                event.note(target)
                event.reason = reason.isEmpty ? nil : reason
                event.issuer = tokens.issuance.issuer.text
            }
            self.logger.info(
                "revoked",
                metadata: [
                    LogKey.revokedKind: "\(target.kind)", LogKey.revokedName: "\(target.name)",
                    LogKey.caller: "\(actor)",
                ])
            return recorded
        }
    }

    /// When nothing that is revoked now is valid any more.
    private func end(of target: Revocation.Target, _ tokens: Tokens, now: Date) throws -> Date {
        let last: Date
        switch target {
        case .token:
            last = now.addingTimeInterval(TimeInterval(TokenLifetime.maximumSeconds))
        case .subject, .certificate:
            // No SVID outlives its authority, and none of those is older than now.
            last = max(
                now.addingTimeInterval(self.lifetimes.authority / .seconds(1)),
                now.addingTimeInterval(TimeInterval(TokenLifetime.maximumSeconds)))
        case .key(let id):
            guard let key = tokens.issuance.keys.state.current.keys.first(where: { $0.id == id }) else {
                throw RevocationRefusal.unknownKey
            }
            last = key.expiresAt
        }
        return last.addingTimeInterval(Self.revocationLeeway)
    }
}
