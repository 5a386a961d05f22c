import AccessTokens
import ControlPlaneProtos
import FoundationEssentials
package import Logging
import PeerTransport
package import Rotation
import SPIFFE
import ServiceLifecycle
import WorkloadAPIProtos
package import WorkloadAttestation

/// The node agent: proves this machine to the control plane, and serves identities to its processes.
///
/// Runs until shutdown, or until the server does not accept the agent any more. The Workload API's socket appears once
/// the agent is attested and knows its entries. While the server is away, what was issued is served for as long as it
/// is valid.
package final class IdentityAgent: Service {
    /// Whether the Workload API answers.
    package let isServing = Watched(false)

    private let configuration: IdentityAgentConfiguration
    private let attestors: [any WorkloadAttestor]
    private let instants: Instants
    private let randomness: RandomSource
    private let logger: Logger

    /// - Parameter randomness: Where jitter comes from. Default: the system.
    package init(
        configuration: IdentityAgentConfiguration, attestors: [any WorkloadAttestor], instants: Instants,
        logger: Logger, randomness: @escaping RandomSource = { SystemRandomNumberGenerator() }
    ) {
        self.configuration = configuration
        self.attestors = attestors
        self.instants = instants
        self.logger = logger
        self.randomness = randomness
    }

    /// Runs the agent.
    ///
    /// - Throws: ``AgentError`` when it cannot start or go on; what the listener throws when the socket cannot be made.
    package func run() async throws {
        let parts = try self.assemble()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await parts.connections.run() }
            group.addTask { try await parts.lifecycle.run() }
            group.addTask { try await parts.sync.run() }
            group.addTask { try await parts.federation.run() }
            for issuance in parts.issuances {
                group.addTask { try await issuance.run() }
            }
            group.addTask { try await parts.tokens.run() }
            group.addTask { try await parts.accessTokens.run() }
            group.addTask { try await parts.tokenState.run() }
            group.addTask { try await self.report(parts) }
            defer { group.cancelAll() }
            // The others end only by failing; the socket's end is the agent's.
            group.addTask {
                try await self.serve(parts)
                throw Ended()
            }
            do {
                // Not waitForAll(): that would wait for the others after the first has failed.
                while try await group.next() != nil {}
            } catch is Ended {
                return
            }
        }
    }

    /// The end of a graceful shutdown.
    private struct Ended: Error {}

    private struct Parts: Sendable {
        let cache: WorkloadCache
        let connections: ServerConnections
        let lifecycle: IdentityLifecycle
        let sync: EntrySync
        let federation: FederatedBundleSync
        /// One a kind of SVID that is served.
        let issuances: [SVIDIssuance]
        let tokens: JWTSVIDCache
        let accessTokens: AccessTokenCache
        let tokenState: TokenStateSync
    }

    private func assemble() throws -> Parts {
        let configuration = self.configuration
        let instants = self.instants
        let cache = WorkloadCache(
            bundle: TrustBundle(trustDomain: configuration.trustDomain), svidLimit: configuration.svidCacheLimit,
            selectorTypes: Set(self.attestors.map(\.name)),
            maxBatchLimit: X509SVIDRequests.batchLimit(configuration.workloadKeyType),
            servesWIT: configuration.servesWIT)
        let clients = ServerClients(
            address: configuration.serverAddress, port: configuration.serverPort,
            serverID: try .server(of: configuration.trustDomain), now: { instants.now() })
        let connections = ServerConnections(logger: self.logger) { identity in
            try clients.client(as: identity) { TrustBundles([cache.current.bundles.own]) }
        }
        let store = AgentDataStore(directory: configuration.dataDirectory, trustDomain: configuration.trustDomain)
        let lifecycle = IdentityLifecycle(
            configuration: configuration, store: store,
            bootstrap: TrustBootstrap(
                trustDomain: configuration.trustDomain, bootstrap: configuration.bootstrap, clients: clients,
                logger: self.logger),
            attestation: NodeAttestation(clients: clients, store: store, instants: instants),
            renewal: IdentityRenewal(
                connections: connections, store: store, bundle: { cache.current.bundles.own },
                snapshots: cache.snapshots,
                instants: instants, randomness: self.randomness, logger: self.logger),
            connections: connections,
            trust: { trusted in
                cache.update(entries: nil, bundle: ServerBundle(trust: trusted), now: instants.now())
            },
            instants: instants, randomness: self.randomness, logger: self.logger)
        let tokenState = TokenStateSync(
            connections: connections, instants: instants, randomness: self.randomness, logger: self.logger)
        return Parts(
            cache: cache, connections: connections, lifecycle: lifecycle,
            sync: EntrySync(
                connections: connections, cache: cache, store: store, configuration: configuration,
                instants: instants, randomness: self.randomness, logger: self.logger),
            federation: FederatedBundleSync(
                connections: connections, cache: cache, instants: instants, logger: self.logger),
            issuances: self.requests(connections).map { requests in
                SVIDIssuance(
                    requests: requests, cache: cache, instants: instants, randomness: self.randomness,
                    logger: self.logger)
            },
            tokens: JWTSVIDCache(connections: connections, instants: instants),
            accessTokens: AccessTokenCache(
                connections: connections, state: { tokenState.current.current?.change.state }, instants: instants,
                randomness: self.randomness),
            tokenState: tokenState)
    }

    private func requests(_ connections: ServerConnections) -> [any SVIDRequests] {
        let x509 = X509SVIDRequests(
            connections: connections, keyType: self.configuration.workloadKeyType, instants: self.instants,
            logger: self.logger)
        guard self.configuration.servesWIT else { return [x509] }
        return [x509, WITSVIDRequests(connections: connections, instants: self.instants, logger: self.logger)]
    }

    private func report(_ parts: Parts) async throws {
        try await StatusReport(
            connections: parts.connections, cache: parts.cache, version: self.configuration.version,
            instants: self.instants, logger: self.logger
        ).run()
    }

    /// Serves the Workload API from the first synchronization until shutdown.
    private func serve(_ parts: Parts) async throws {
        let isSynchronized = await cancelWhenGracefulShutdown {
            for await snapshot in parts.cache.snapshots.updates() where snapshot.isSynchronized { return true }
            return false
        }
        guard isSynchronized else { return try Task.checkCancellation() }
        let routes = try self.routes(parts)
        let listener = RPCListener(
            .unix(path: self.configuration.socketPath, socketMode: 0o777, directoryMode: 0o755), routes: routes,
            limits: self.configuration.limits)
        let server = RPCServer(listeners: [listener], logger: self.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Why it is not bound, run() says.
                if (try? await server.boundAddress(of: 0)) != nil { self.isServing.publish(true) }
            }
            defer { self.isServing.publish(false) }
            try await server.run()
        }
    }

    private func routes(_ parts: Parts) throws -> RPCRoutes {
        let identification = WorkloadIdentification(
            attestors: self.attestors, cache: parts.cache, instants: self.instants)
        let exits = try ProcessExits()
        var routes = RPCRoutes()
        WorkloadEndpoint(
            cache: parts.cache, tokens: parts.tokens, identification: identification,
            streams: WorkloadStreams(
                cache: parts.cache, identification: identification, exits: exits),
            instants: self.instants, servesWIT: self.configuration.servesWIT
        ).register(in: &routes)
        AccessTokenEndpoint(
            cache: parts.cache, tokens: parts.accessTokens, state: parts.tokenState, identification: identification,
            exits: exits, instants: self.instants
        ).register(in: &routes)
        routes.serveHealth(self.isServing)
        try routes.serveReflection(of: [WorkloadAPIDescriptors.base64, ControlPlaneDescriptors.base64])
        return routes
    }
}
