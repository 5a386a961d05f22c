import AccessGrants
import AccessTokens
import Audit
import Authority
import ControlPlaneProtos
import Datastore
import FoundationEssentials
import GRPCCore
import IdentityServer
import KeyManagement
import Logging
import ProtoRPC
import Rotation
import SPIFFE
import ServiceLifecycle
import TestSupport

/// A control plane that runs on real sockets with a time that the test moves.
struct ControlPlaneUnderTest: Sendable {
    let trustDomain: TrustDomain
    let time: ManualInstants
    let server: IdentityServer
    let authority: AuthorityRotation
    let tokenKeys: TokenKeyRotation?
    let socketPath: String
    let port: Int
    /// Of the authorization server, where it has an endpoint.
    let httpsPort: Int?
    let log: LogRecorder
    let audit: AuditRecorder
    let database: FaultyDatabase
    /// Begins a graceful shutdown.
    let shutDown: @Sendable () async -> Void

    func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: self.trustDomain, path: path)
    }

    /// What peers are judged by at this moment.
    var bundles: TrustBundles {
        TrustBundles([self.authority.state.current.bundle])
    }
}

/// What outlives a control plane: its store and its keys.
struct Disk: Sendable {
    let directory: TemporaryDirectory
    let keys: any KeyManager

    init() throws {
        self.directory = try TemporaryDirectory()
        self.keys = MemoryKeyManager()
    }

    /// What a backup has that is made at this moment.
    init(backupOf disk: Disk) throws {
        self.directory = try TemporaryDirectory()
        self.keys = disk.keys
        for name in ["store.sqlite3", "store.sqlite3-wal"] {
            try self.directory.write(disk.directory.read(name), to: name)
        }
    }
}

struct HarnessSettings: Sendable {
    var caTTL: Duration = .seconds(24 * 3_600)
    var x509SVIDTTL: Duration = .seconds(3_600)
    var jwtSVIDTTL: Duration = .seconds(300)
    var agentTTL: Duration = .seconds(3_600)
    var witSVIDTTL: Duration = .seconds(3_600)
    var witKeyType: KeyType?
    var tokenKeyTTL: Duration = .seconds(24 * 3_600)
    /// The issuer of access tokens; nil issues none.
    var issuer: String? = nil
    /// The oldest version of the library of services that gets tokens; nil gives them to all.
    var minimumLibraryVersion: LibraryVersion? = nil
    /// How long access tokens live; nil leaves it to the server.
    var tokenLifetime: Duration? = nil
    /// What the endpoint of the authorization server proves itself with; nil has no endpoint.
    var certificate: AuthorizationServerConfiguration.Certificate? = nil
}

/// Runs a control plane in a directory of its own for the time of `body`, then shuts it down gracefully.
func withControlPlane<Result: Sendable>(
    _ settings: HarnessSettings = HarnessSettings(), disk: Disk? = nil, time: ManualInstants = ManualInstants(),
    _ body: @Sendable (ControlPlaneUnderTest) async throws -> Result
) async throws -> Result {
    let exampleOrg = try TrustDomain(parsing: "example.org")
    let disk = try disk ?? Disk()
    let log = LogRecorder()
    let path = disk.directory.path("store.sqlite3")
    let database = try FaultyDatabase(SQLiteDatabase(path: path, busyTimeout: .seconds(5)))
    let store = try Datastore(database: database, name: path, trustDomain: exampleOrg)
    let authority = try await AuthorityRotation.start(
        configuration: AuthorityConfiguration(
            trustDomain: exampleOrg, witKeyType: settings.witKeyType, caTTL: settings.caTTL),
        keyManager: disk.keys, journal: store, now: time.now)
    var tokenKeys: TokenKeyRotation?
    var authorizationServer: AuthorizationServerConfiguration?
    if let issuer = settings.issuer.flatMap({ IssuerURL($0) }) {
        authorizationServer = AuthorizationServerConfiguration(
            issuer: issuer, tokenLifetime: settings.tokenLifetime ?? TokenLifetime.standard,
            minimumLibraryVersion: settings.minimumLibraryVersion,
            endpoint: settings.certificate.map { .init(bindAddress: "127.0.0.1", bindPort: 0, certificate: $0) })
        tokenKeys = try await TokenKeyRotation.start(
            configuration: TokenKeyConfiguration(lifetime: settings.tokenKeyTTL), keyManager: disk.keys, journal: store,
            withdrawn: Revocation.Target.keyIDs(of: try await store.revocations().revocations), now: time.now)
    }
    let configuration = IdentityServerConfiguration(
        trustDomain: exampleOrg, bindAddress: "127.0.0.1", bindPort: 0,
        socketPath: disk.directory.path("admin/api.sock"),
        defaultX509SVIDTTL: settings.x509SVIDTTL, defaultJWTSVIDTTL: settings.jwtSVIDTTL,
        defaultWITSVIDTTL: settings.witSVIDTTL, agentTTL: settings.agentTTL,
        authorizationServer: authorizationServer)
    let audit = AuditRecorder()
    let server = IdentityServer(
        configuration: configuration, authority: authority, tokenKeys: tokenKeys, entries: store, changeLog: store,
        nodes: store,
        joinTokens: store, access: store, revocations: store,
        audit: AuditTrail([audit], logger: log.logger), instants: time.instants, logger: log.logger)
    let group = ServiceGroup(services: [server], logger: log.logger)
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        let result: Result
        do {
            let ports = try await server.boundPorts
            result = try await body(
                ControlPlaneUnderTest(
                    trustDomain: exampleOrg, time: time, server: server, authority: authority,
                    tokenKeys: tokenKeys, socketPath: configuration.socketPath, port: ports.rpc,
                    httpsPort: ports.https, log: log, audit: audit,
                    database: database,
                    shutDown: { await group.triggerGracefulShutdown() }))
        } catch {
            await group.triggerGracefulShutdown()
            // What stopped the server says more than that it stopped.
            try await tasks.waitForAll()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return result
    }
}
