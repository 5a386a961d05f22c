import AccessGrants
import AccessTokens
import ArgumentParser
import Audit
import Authority
import Datastore
import IdentityServer
import KeyManagement
import Logging
import PeerTransport
import Rotation
import ServiceLifecycle
import UnixSignals

struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "The control plane.", subcommands: [ServerRun.self])
}

/// `signet server run`: composes the control plane and runs it until SIGTERM or SIGINT.
struct ServerRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the control plane until SIGTERM or SIGINT.",
        discussion: """
            Options beat the environment (SIGNET_SERVER_BIND_PORT is server.bind_port), which beats the file.
            Without --config, \(DefaultPath.serverConfiguration) is read if it exists.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var flags: ServerFlags

    func run() async throws {
        CoreFiles.refuse()
        OpenFiles.raiseLimit()
        let settings = try ServerSettings(
            self.options.settings(for: .server, defaultPath: DefaultPath.serverConfiguration, flags: self.flags.values))
        let logger = settings.logging.logger(label: "signet.server")
        try DataDirectory.prepare(settings.dataDirectory)
        let datastore = try Datastore(
            path: "\(settings.dataDirectory)/signet.sqlite3", trustDomain: settings.server.trustDomain)
        let keyManager: any KeyManager =
            switch settings.keyStorage {
            case .disk: try DiskKeyManager(path: "\(settings.dataDirectory)/keys.json")
            case .memory: MemoryKeyManager()
            }
        let authority = try await AuthorityRotation.start(
            configuration: settings.authority, keyManager: keyManager, journal: datastore, now: Instants.system.now())
        // Keys in memory are gone with every process, as the operator has it.
        if settings.keyStorage == .disk { authority.startFindings.report(to: logger) }
        var tokenKeys: TokenKeyRotation?
        if let configuration = settings.tokenKeys {
            tokenKeys = try await TokenKeyRotation.start(
                configuration: configuration, keyManager: keyManager, journal: datastore,
                withdrawn: Revocation.Target.keyIDs(of: try await datastore.revocations().revocations),
                now: Instants.system.now())
        }
        let server = IdentityServer(
            configuration: settings.server, authority: authority, tokenKeys: tokenKeys, entries: datastore,
            changeLog: datastore,
            nodes: datastore, joinTokens: datastore, access: datastore, revocations: datastore,
            audit: try Self.audit(settings.audit, logger: logger), instants: .system, logger: logger)
        try await ServiceGroup(
            services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    private static func audit(_ settings: AuditSettings, logger: Logger) throws -> AuditTrail {
        let file = try RotatingFile(
            path: settings.path, maxBytes: settings.maxFileBytes, maxFiles: settings.maxFiles)
        return AuditTrail(settings.standardOutput ? [file, StandardOutputAudit()] : [file], logger: logger)
    }
}

/// `server` options that override keys of the file.
struct ServerFlags: ParsableArguments {
    @Option(help: "The trust domain's name.") var trustDomain: String?
    @Option(help: "The folder for the database and the authority's keys (default: \(DefaultPath.serverData)).")
    var dataDir: String?
    @Option(help: "The IP address agents connect to (default: 0.0.0.0).") var bindAddress: String?
    @Option(name: [.long, .customLong("server-port")], help: "The port agents connect to (default: 8081).")
    var bindPort: String?
    @Option(help: "The administrator's socket (default: \(DefaultPath.serverSocket)).") var socketPath: String?

    var values: [String: String?] {
        [
            "trust_domain": self.trustDomain, "data_dir": self.dataDir, "bind_address": self.bindAddress,
            "bind_port": self.bindPort, "socket_path": self.socketPath,
        ]
    }
}
