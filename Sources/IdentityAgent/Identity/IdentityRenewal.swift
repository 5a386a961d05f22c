import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf

/// Keeps the agent's identity young: a new key and certificate at half of the life of the old one.
struct IdentityRenewal: Sendable {
    static let timeout: Duration = .seconds(30)

    let connections: ServerConnections
    let store: AgentDataStore
    let bundle: @Sendable () -> TrustBundle
    let instants: Instants
    let randomness: RandomSource
    let logger: Logger

    /// Renews until cancelled.
    ///
    /// - Throws: ``AgentError/identityExpired(_:_:)`` when the identity expired before it was renewed.
    func run(_ first: AgentIdentity) async throws -> Never {
        var identity = first
        while true {
            var generator = self.randomness()
            try await self.instants.sleep(until: identity.renewal(using: &generator))
            identity = try await self.renewed(identity)
            self.connections.use(identity)
            self.logger.info(
                "agent identity renewed",
                metadata: [
                    LogKey.agentID: "\(identity.id)",
                    LogKey.expiresAt: "\(identity.notAfter.formatted(.iso8601))",
                ])
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
                let next = self.instants.now().addingTimeInterval(backoff.next(using: &generator) / .seconds(1))
                try await self.instants.sleep(until: min(next, identity.notAfter))
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
