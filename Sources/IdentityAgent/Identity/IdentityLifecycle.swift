import FoundationEssentials
import GRPCCore
import Logging
import Rotation
import SPIFFE
import Synchronization

/// The agent's identity from start to end: from disk or by attestation, renewed, and given up when the server says so.
struct IdentityLifecycle: Sendable {
    let configuration: IdentityAgentConfiguration
    let store: AgentDataStore
    let bootstrap: TrustBootstrap
    let attestation: NodeAttestation
    let renewal: IdentityRenewal
    let connections: ServerConnections
    /// Makes a trust bundle the one that the server is known by.
    let trust: @Sendable (TrustBundle) -> Void
    let instants: Instants
    let randomness: RandomSource
    let logger: Logger

    /// Runs until cancelled, or until the agent cannot go on.
    ///
    /// - Throws: ``AgentError``.
    func run() async throws {
        var joinToken = self.configuration.joinToken
        var identity = try await self.firstIdentity(&joinToken)
        while true {
            self.connections.use(identity)
            let loss = try await self.keep(identity)
            self.connections.use(nil)
            if case .denied(.banned) = loss {
                try await self.store.deleteIdentity()
                throw AgentError.banned(identity.id)
            }
            guard let token = joinToken else { throw loss.error(identity) }
            self.logger.warning(
                "attesting again",
                metadata: [LogKey.agentID: "\(identity.id)", LogKey.error: "\(loss.error(identity))"])
            joinToken = nil
            identity = try await self.attest(token, bundles: self.bundlesInForce())
        }
    }

    private func firstIdentity(_ joinToken: inout String?) async throws -> AgentIdentity {
        let stored = try await self.store.load()
        if let bundle = stored?.bundle { self.trust(bundle) }
        if let svid = stored?.identity, self.instants.now() < svid.notAfter {
            self.logger.info(
                "agent identity found on disk",
                metadata: [
                    LogKey.agentID: "\(svid.id)", LogKey.expiresAt: "\(svid.notAfter.formatted(.iso8601))",
                ])
            return AgentIdentity(svid: svid, issuedAt: svid.notBefore)
        }
        guard let token = joinToken else {
            guard let expired = stored?.identity else { throw AgentError.noIdentity }
            throw AgentError.identityExpired(expired.id, expired.notAfter)
        }
        joinToken = nil
        let bundle = try await self.firstBundle(stored?.bundle)
        self.trust(bundle)
        return try await self.attest(token, bundles: [bundle])
    }

    /// The bundle in force, and the configured one: while the agent was out of touch, the server may have got another
    /// authority, which the operator has told.
    private func bundlesInForce() -> [TrustBundle] {
        let current = self.renewal.bundle()
        guard case .bundle(let configured) = self.configuration.bootstrap, configured != current else {
            return [current]
        }
        return [current, configured]
    }

    /// The configured bundle; the one of an earlier run where none is configured.
    private func firstBundle(_ stored: TrustBundle?) async throws -> TrustBundle {
        if case .bundle(let bundle) = self.configuration.bootstrap { return bundle }
        if let stored { return stored }
        let bundle = try await self.retrying("the trust bundle was not fetched") {
            try await self.bootstrap.firstBundle()
        }
        try await self.store.save(bundle: bundle)
        return bundle
    }

    /// Attests, knowing the server by one of the bundles, tried in turn; that one is trusted from then on.
    private func attest(_ token: String, bundles: [TrustBundle]) async throws -> AgentIdentity {
        var attempt = 0
        let (identity, bundle) = try await self.retrying("the agent was not attested") {
            let bundle = bundles[attempt % bundles.count]
            attempt += 1
            return (try await self.attestation.attest(joinToken: token, bundle: bundle), bundle)
        }
        if bundle != bundles.first { self.trust(bundle) }
        self.logger.info(
            "agent attested",
            metadata: [
                LogKey.agentID: "\(identity.id)", LogKey.expiresAt: "\(identity.notAfter.formatted(.iso8601))",
            ])
        return identity
    }

    /// Why an identity is of no use any more.
    private enum Loss {
        case denied(AgentDenial)
        case expired

        func error(_ identity: AgentIdentity) -> AgentError {
            switch self {
            case .denied(let denial): .mustReattest(identity.id, denial)
            case .expired: .identityExpired(identity.id, identity.notAfter)
            }
        }
    }

    /// Renews an identity until it is lost.
    private func keep(_ identity: AgentIdentity) async throws -> Loss {
        try await withThrowingTaskGroup(of: Loss.self) { group in
            group.addTask {
                do {
                    try await self.renewal.run(identity)
                } catch AgentError.identityExpired {
                    return .expired
                }
            }
            group.addTask {
                var isWarned = false
                for await denied in self.connections.denial.updates() {
                    guard let denied, let current = self.connections.current.current else { continue }
                    guard denied.identity.serialNumber == current.identity.serialNumber else { continue }
                    // One clock that jumps ahead at the server must not end every agent.
                    if denied.denial == .expired, self.instants.now() < denied.identity.notAfter {
                        if isWarned { continue }
                        isWarned = true
                        self.logger.warning(
                            "the server finds the agent's identity expired, by the agent's clock it is not",
                            metadata: [LogKey.expiresAt: "\(denied.identity.notAfter.formatted(.iso8601))"])
                        continue
                    }
                    return .denied(denied.denial)
                }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let loss = try await group.next() else { throw CancellationError() }
            return loss
        }
    }

    /// Repeats what failed because the server was not reached, or failed itself.
    private func retrying<Result>(
        _ message: Logger.Message, _ body: () async throws -> Result
    ) async throws -> Result {
        let failures = FailureLog(message)
        var backoff = Backoff(initial: .milliseconds(250), maximum: .seconds(15))
        var generator = self.randomness()
        while true {
            do {
                return try await body()
            } catch let error as RPCError where error.isTransient || error.isServerFailure {
                try Task.checkCancellation()
                failures.failed(error, self.logger)
                try await self.instants.sleep(for: backoff.next(using: &generator))
            } catch {
                // What a call that is cancelled throws depends on how far it has come.
                try Task.checkCancellation()
                throw error
            }
        }
    }
}
