import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf

/// Keeps the agent's identity young: a new key and certificate at half of the life of the old one, or at once when the
/// authority that issued it is withdrawn.
struct IdentityRenewal: Sendable {
    static let timeout: Duration = .seconds(30)

    let connections: ServerConnections
    let store: AgentDataStore
    let bundle: @Sendable () -> TrustBundle
    let snapshots: Watched<WorkloadSnapshot>
    let instants: Instants
    let randomness: RandomSource
    let logger: Logger

    /// Renews until cancelled.
    ///
    /// - Throws: ``AgentError/identityExpired(_:_:)`` when the identity expired before it was renewed.
    func run(_ first: AgentIdentity) async throws -> Never {
        var identity = first
        // An authority that goes on although it was withdrawn is not asked again and again.
        var watchesAuthority = true
        while true {
            try await self.waitUntilDue(identity, watchesAuthority: watchesAuthority)
            identity = try await self.renewed(identity)
            watchesAuthority = !self.snapshots.current.hasWithdrawn(identity)
            self.connections.use(identity)
            self.logger.info(
                "agent identity renewed",
                metadata: [
                    LogKey.agentID: "\(identity.id)",
                    LogKey.expiresAt: "\(identity.notAfter.formatted(.iso8601))",
                ])
        }
    }

    private func waitUntilDue(_ identity: AgentIdentity, watchesAuthority: Bool) async throws {
        var generator = self.randomness()
        let renewal = identity.renewal(using: &generator)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.instants.sleep(until: renewal) }
            if watchesAuthority {
                group.addTask {
                    for await snapshot in self.snapshots.updates() where snapshot.hasWithdrawn(identity) { return }
                    throw CancellationError()
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Tries until it succeeds, or the identity expires.
    private func renewed(_ identity: AgentIdentity) async throws -> AgentIdentity {
        let failures = FailureLog("the agent identity was not renewed")
        var generator = self.randomness()
        let life = identity.notAfter.timeIntervalSince(identity.issuedAt)
        // Several attempts fit into the second half of a short life too.
        let longest: Duration = .seconds(max(0.2, min(30, life / 10)))
        var backoff = Backoff(initial: .milliseconds(100), maximum: longest)
        while true {
            do {
                return try await self.renew(identity)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                failures.failed(error, self.logger)
                guard self.instants.now() < identity.notAfter else {
                    throw AgentError.identityExpired(identity.id, identity.notAfter)
                }
                let left = identity.notAfter.timeIntervalSince(self.instants.now())
                try await self.instants.sleep(for: min(backoff.next(using: &generator), .seconds(max(0, left))))
            }
        }
    }

    private func renew(_ identity: AgentIdentity) async throws -> AgentIdentity {
        let key = try KeyPair.generate(.ecP256)
        let csr = Data(try X509SVIDRequest.make(key: key.certificateKey, id: identity.id, dnsNames: []))
        try await self.store.prepare(key: key.pkcs8DER)
        let reply = try await self.connections.call(
            AgentMethods.renewAgent, .with { $0.params.csr = csr }, timeout: Self.timeout)
        let bundle = self.bundle()
        let renewed = try reply.svid.agentIdentity(
            key: key, expected: identity.id, bundle: bundle, now: self.instants.now())
        try await self.store.save(renewed.svid, bundle: bundle)
        return renewed
    }
}

extension WorkloadSnapshot {
    /// Whether the authority that issued an identity has been withdrawn.
    fileprivate func hasWithdrawn(_ identity: AgentIdentity) -> Bool {
        identity.svid.authorityKeyIdentifier.map { self.withdrawnAuthorities.contains($0) } ?? false
    }
}
