package import AccessGrants
package import Audit
package import Authority
import ControlPlaneProtos
import FoundationEssentials
package import Logging
import NIOCore
package import NodeAttestation
import PeerTransport
package import Registration
package import Rotation
import SPIFFE
import SPIFFETLS
import ServiceLifecycle

/// The control plane of one trust domain: attests agents, keeps registration entries, issues SVIDs, rotates
/// authorities.
///
/// Two listeners: TCP with TLS, where a client certificate is optional and each method has its callers, and the
/// administrator's Unix socket. Both speak SPIRE's server APIs; agents of ours are pushed every change as well.
/// Calls of agents are answered from memory, which is loaded once and follows every write.
package final class IdentityServer: Service {
    private let configuration: IdentityServerConfiguration
    private let authority: AuthorityRotation
    private let tokenKeys: TokenKeyRotation?
    private let stores: Stores
    private let audit: AuditTrail
    private let instants: Instants
    private let logger: Logger
    private let listening = Watched(Listening.starting)

    private struct Stores: Sendable {
        let entries: any EntryStore
        let changeLog: any ChangeLog
        let nodes: any NodeStore
        let joinTokens: any JoinTokenStore
        let access: any AccessStore
        let revocations: any RevocationStore
    }

    private enum Listening: Sendable {
        case starting
        case ports(Int, https: Int?)
        case ended
    }

    /// Creates a control plane, which begins with ``run()``.
    ///
    /// - Parameters:
    ///   - authority: The authorities of the trust domain; rotated by this server from now on.
    ///   - tokenKeys: The keys of access tokens, where the configuration has an authorization server; rotated by this
    ///     server from now on.
    ///   - entries, changeLog, nodes, joinTokens, access, revocations: One store of the trust domain; nobody else writes to it.
    ///   - audit: Where it is recorded what is issued, refused and taken back.
    package init(
        configuration: IdentityServerConfiguration, authority: AuthorityRotation,
        tokenKeys: TokenKeyRotation? = nil, entries: any EntryStore, changeLog: any ChangeLog, nodes: any NodeStore,
        joinTokens: any JoinTokenStore,
        access: any AccessStore, revocations: any RevocationStore, audit: AuditTrail, instants: Instants,
        logger: Logger
    ) {
        self.configuration = configuration
        self.authority = authority
        self.tokenKeys = tokenKeys
        self.stores = Stores(
            entries: entries, changeLog: changeLog, nodes: nodes, joinTokens: joinTokens, access: access,
            revocations: revocations)
        self.audit = audit
        self.instants = instants
        self.logger = logger
    }

    /// The TCP port, once the server listens.
    ///
    /// - Throws: ``IdentityServerError/stopped`` when it ended before; `CancellationError`.
    package var boundPort: Int {
        get async throws { try await self.boundPorts.rpc }
    }

    /// The TCP ports, once the server listens; of the authorization server's endpoint where there is one.
    ///
    /// - Throws: as ``boundPort``.
    package var boundPorts: (rpc: Int, https: Int?) {
        get async throws {
            for await listening in self.listening.updates() {
                switch listening {
                case .starting: continue
                case .ports(let port, let https): return (port, https)
                case .ended: throw IdentityServerError.stopped
                }
            }
            throw CancellationError()
        }
    }

    /// Serves until it is shut down gracefully or cancelled.
    ///
    /// On a graceful shutdown streams of changes end at once with UNAVAILABLE, other calls get the time of
    /// `RPCLimits.drainTimeout`.
    ///
    /// - Throws: ``IdentityServerError`` and what stores, authorities and sockets throw when the server cannot start.
    package func run() async throws {
        defer { self.listening.publish(.ended) }
        try self.checkLifetimes()
        let plane = try await self.loadedPlane()
        let identity = try ServerIdentity(
            lifetime: self.configuration.defaultX509SVIDTTL, dnsNames: self.dnsNames, authority: self.authority.state,
            instants: self.instants, logger: self.logger)
        try await self.serve(plane, identity)
    }

    // MARK: Starting

    /// The names by which clients of the authorization server know this server's own SVID.
    private var dnsNames: [String] {
        guard case .ownSVID(let names)? = self.configuration.authorizationServer?.endpoint?.certificate else {
            return []
        }
        return names
    }

    /// A default that the authority cannot always grant would be cut short silently, now and then.
    private func checkLifetimes() throws {
        let issuesWIT = self.authority.configuration.witKeyType != nil
        for (setting, lifetime) in [
            ("default_x509_svid_ttl", self.configuration.defaultX509SVIDTTL),
            ("default_jwt_svid_ttl", self.configuration.defaultJWTSVIDTTL),
            ("agent_ttl", self.configuration.agentTTL),
        ] + (issuesWIT ? [("default_wit_svid_ttl", self.configuration.defaultWITSVIDTTL)] : []) {
            do throws(AuthorityConfigurationError) {
                try self.authority.configuration.check(defaultTTL: lifetime)
            } catch {
                throw IdentityServerError.lifetimeRefused(setting: setting, error)
            }
        }
    }

    private func loadedPlane() async throws -> ControlPlane {
        let entries = try await self.stores.entries.snapshot()
        let agents = try await self.stores.nodes.agents()
        let registry = Registry(
            entries: entries, agents: agents, access: try await self.stores.access.accessPolicy(),
            serverID: try SPIFFEID.server(of: self.configuration.trustDomain),
            earlierEpochs: self.stores.changeLog.earlierEpochs,
            history: ChangeHistory(
                completeAfter: try await self.lastEntryChange(upTo: entries.position),
                capacity: ControlPlaneLimits.maxRememberedChanges), now: self.instants.now())
        self.logger.info(
            "state loaded",
            metadata: [
                LogKey.trustDomain: "\(self.configuration.trustDomain)", LogKey.entryCount: "\(entries.entries.count)",
                LogKey.agentCount: "\(agents.count)", LogKey.changeNumber: "\(entries.position.number)",
            ])
        return ControlPlane(
            trustDomain: self.configuration.trustDomain,
            lifetimes: ControlPlane.Lifetimes(
                x509SVID: self.configuration.defaultX509SVIDTTL, jwtSVID: self.configuration.defaultJWTSVIDTTL,
                witSVID: self.configuration.defaultWITSVIDTTL, agent: self.configuration.agentTTL,
                authority: self.authority.configuration.caTTL),
            registry: registry, authority: self.authority.state, entryStore: self.stores.entries,
            nodeStore: self.stores.nodes, joinTokenStore: self.stores.joinTokens, accessStore: self.stores.access,
            revocationStore: self.stores.revocations, tokens: try await self.tokens(registry), writes: WriteOrder(),
            storeFailures: StoreFailureLog(logger: self.logger), disconnections: Disconnections(),
            expiryChanged: WakeUp(), entriesExpired: WakeUp(), audit: self.audit, instants: self.instants,
            logger: self.logger)
    }

    private func tokens(_ registry: Registry) async throws -> ControlPlane.Tokens? {
        guard let configuration = self.configuration.authorizationServer, let keys = self.tokenKeys else { return nil }
        let (revocations, position) = try await self.stores.revocations.revocations()
        let feed = TokenFeed(revocations: revocations, position: position)
        return ControlPlane.Tokens(
            issuance: AccessTokenIssuance(
                issuer: configuration.issuer, lifetime: configuration.tokenLifetime,
                minimumLibraryVersion: configuration.minimumLibraryVersion, keys: keys, registry: registry, feed: feed),
            feed: feed)
    }

    /// The number after which no entry has changed, as far back as the change log is worth reading.
    ///
    /// An agent that has seen it, and everything that was not about entries since, has missed nothing while this server
    /// was down.
    private func lastEntryChange(upTo position: ChangePosition) async throws -> UInt64 {
        let reach = UInt64(ControlPlaneLimits.maxRememberedChanges)
        var last = position.number - min(position.number, reach)
        var next = last
        while next < position.number {
            let page = try await self.stores.changeLog.changes(after: next, limit: ControlPlaneLimits.changeLogPage)
            if case .tooOld(let oldest) = page, oldest > next + 1 {
                last = oldest - 1
                next = last
                continue
            }
            guard case .changes(let changes) = page, let newest = changes.last else { return position.number }
            last = changes.last { $0.kind == .entry }?.number ?? last
            next = newest.number
        }
        return min(last, position.number)
    }

    // MARK: Serving

    /// The listeners in their order: the administrator's socket, then TCP.
    private static let tcpListener = 1

    /// Both listeners serve the same methods; health and reflection are for the administrator only.
    private func transport(
        _ plane: ControlPlane, _ identity: ServerIdentity, _ health: Watched<Bool>
    ) throws -> RPCServer {
        var routes = ControlPlaneRoutes(accessControl: AccessControl(plane: plane))
        AgentService(plane: plane).register(in: &routes)
        AgentIdentityService(plane: plane).register(in: &routes)
        EntryService(plane: plane).register(in: &routes)
        AuthorizedEntryService(plane: plane).register(in: &routes)
        SyncService(plane: plane).register(in: &routes)
        SVIDService(plane: plane).register(in: &routes)
        if self.authority.configuration.witKeyType != nil { WITService(plane: plane).register(in: &routes) }
        BundleService(plane: plane).register(in: &routes)
        AccessService(plane: plane).register(in: &routes)
        AccessTokenService(plane: plane).register(in: &routes)
        RevocationService(plane: plane).register(in: &routes)
        var local = routes.routes
        local.serveHealth(health)
        try local.serveReflection(of: [ControlPlaneDescriptors.base64])
        let tls = SPIFFETLSContexts(
            source: identity, policy: .memberOf(self.configuration.trustDomain), now: self.instants.now,
            minimumVersion: self.configuration.minTLSVersion, applicationProtocols: ["h2"],
            revokedPeers: plane.tokens?.revokedPeers, clientAuthentication: .optional,
            onRefusedIdentity: { [logger] error in
                logger.error("server identity not usable", metadata: [LogKey.error: "\(error)"])
            })
        return RPCServer(
            listeners: [
                RPCListener(
                    .unix(path: self.configuration.socketPath, socketMode: 0o660, directoryMode: 0o750), routes: local,
                    limits: self.configuration.limits),
                RPCListener(
                    .tcp(
                        host: self.configuration.bindAddress, port: self.configuration.bindPort,
                        tls: { try tls.serverHandlers() }), routes: routes.routes, limits: self.configuration.limits),
            ], logger: self.logger)
    }

    private func serve(_ plane: ControlPlane, _ identity: ServerIdentity) async throws {
        let health = Watched(false)
        let endpoint = try AuthorizationEndpoint(
            self.configuration, plane: plane, identity: identity, health: health, logger: self.logger)
        // Last of what can fail: it has to run once it is there.
        let server = try self.transport(plane, identity, health)
        // The transport holds the services, which hold this.
        defer { plane.disconnections.end() }
        plane.disconnections.begin { disconnection in
            server.closeConnections { peer in
                guard case .tls(let certificate?) = peer else { return false }
                return disconnection.concerns(certificate)
            }
        }
        let rotation = AuthorityRotationLoop(
            rotation: self.authority, changeLog: self.stores.changeLog, plane: plane)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await identity.run() }
            group.addTask { try await rotation.run() }
            group.addTask { try await Pruning(plane: plane).run() }
            if let tokens = plane.tokens {
                group.addTask { try await TokenKeyLoop(tokens: tokens, plane: plane).run() }
            }
            if let endpoint { group.addTask { try await endpoint.run() } }
            group.addTask { try await self.announce(server, endpoint, health) }
            group.addTask {
                try await withGracefulShutdownHandler {
                    try await server.run()
                } onGracefulShutdown: {
                    health.publish(false)
                    plane.registry.endAllWatches()
                }
                throw ServerEnded()
            }
            do {
                for try await _ in group {}
            } catch is ServerEnded {
                return
            }
        }
    }

    /// The transport has ended as it was asked to: the rest ends with it.
    private struct ServerEnded: Error {}

    private func announce(
        _ server: RPCServer, _ endpoint: AuthorizationEndpoint?, _ health: Watched<Bool>
    ) async throws {
        let address = try await server.boundAddress(of: Self.tcpListener)
        let port = address.port ?? self.configuration.bindPort
        let https = try await endpoint?.boundPort
        health.publish(true)
        self.listening.publish(.ports(port, https: https))
        self.logger.info(
            "serving",
            metadata: [
                LogKey.port: "\(port)", LogKey.socketPath: "\(self.configuration.socketPath)",
                LogKey.httpsPort: "\(https.map { "\($0)" } ?? "none")",
            ])
    }
}
