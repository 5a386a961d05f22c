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

    /// A stable word for audit records.
    var label: String {
        switch self {
        case .noAuthorizationServer: "no_authorization_server"
        case .unknownKey: "unknown_key"
        case .tooMany: "too_many_revocations"
        }
    }
}

/// How many revocations may be in force when somebody makes one more.
struct RevocationLimit: Sendable {
    /// Everybody's.
    let all: Int
    /// Those of the same actor.
    let own: Int

    static let administrators = RevocationLimit(
        all: ControlPlaneLimits.maxRevocations, own: ControlPlaneLimits.maxRevocations)
    /// Clients cannot use up what administrators need to revoke, and one of them not what the others need.
    static let clients = RevocationLimit(
        all: ControlPlaneLimits.maxRevocationsByClients, own: ControlPlaneLimits.maxRevocationsByOneClient)
}

extension ControlPlane {
    /// Nothing that is revoked is valid for longer after its own end: clocks differ.
    static let revocationLeeway: TimeInterval = 60

    /// Takes back what has been issued until now: in the store first, then in memory, then everybody is told.
    ///
    /// A revocation of what is revoked already takes its place: it holds from now on. Where a key is revoked and no other
    /// can be made to sign, the revocation holds, and nothing is signed.
    ///
    /// - Throws: `RevocationRefusal`, and what the stores throw.
    func revoke(
        _ target: Revocation.Target, reason: String, by actor: Actor, within limit: RevocationLimit, route: String
    ) async throws -> RecordedRevocation {
        guard let tokens = self.tokens else { throw RevocationRefusal.noAuthorizationServer }
        return try await self.writes.run {
            try await tokens.feed.revoking(target, instants: self.instants) { now in
                let count = tokens.feed.count(by: actor, now: now)
                guard count.all < limit.all, count.own < limit.own else { throw RevocationRefusal.tooMany }
                let recorded = try await self.store(target, reason: reason, by: actor, tokens, now: now)
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
                if case .key(let id) = target { await self.withdraw(id, tokens, now: now) }
                return recorded
            }
        }
    }

    /// Keeps the revocation.
    ///
    /// What is revoked already stays revoked for the longer of both times: the clock may have been set back.
    private func store(
        _ target: Revocation.Target, reason: String, by actor: Actor, _ tokens: Tokens, now: Date
    ) async throws -> RecordedRevocation {
        var revokedAt = now
        var expiresAt = try self.end(of: target, tokens, now: now)
        if let known = tokens.feed.revocation(of: target) {
            revokedAt = max(revokedAt, known.revokedAt)
            expiresAt = max(expiresAt, known.expiresAt)
        }
        let revocation = Revocation(target, revokedAt: revokedAt, expiresAt: expiresAt)
        let position = try await self.writing {
            try await self.revocationStore.put(revocation, reason: reason, actor: actor, now: now)
        }
        let recorded = RecordedRevocation(revocation, reason: reason, createdBy: actor, number: position.number)
        tokens.add(recorded, position: position)
        return recorded
    }

    /// Has another key sign; what fails is tried again by ``TokenKeyLoop``.
    private func withdraw(_ keyID: String, _ tokens: Tokens, now: Date) async {
        do {
            try await tokens.issuance.keys.withdraw(keyID: keyID, now: now)
        } catch {
            self.logger.error(
                "no other key signs access tokens yet", metadata: [LogKey.keyID: "\(keyID)", LogKey.error: "\(error)"])
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
                guard let known = tokens.feed.revocation(of: target) else { throw RevocationRefusal.unknownKey }
                return known.expiresAt
            }
            last = key.expiresAt
        }
        return last.addingTimeInterval(Self.revocationLeeway)
    }
}
