import ArgumentParser
import IdentityAgent
import Logging
import PeerTransport
import Rotation
import ServiceLifecycle
import UnixSignals
import WorkloadAttestation

/// `signet agent run`: composes the node agent and runs it until SIGTERM or SIGINT.
struct AgentRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the node agent until SIGTERM or SIGINT.",
        discussion: """
            Options beat the environment (SIGNET_AGENT_SERVER_PORT is agent.server_port), which beats the file.
            Without --config, \(DefaultPath.agentConfiguration) is read if it exists.
            The Workload API's socket appears when the agent is attested and has its registrations.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var flags: AgentFlags

    func run() async throws {
        CoreFiles.refuse()
        OpenFiles.raiseLimit()
        let settings = try AgentSettings(
            self.options.settings(for: .agent, defaultPath: DefaultPath.agentConfiguration, flags: self.flags.values))
        let logger = settings.logging.logger(label: "signet.agent")
        if settings.joinTokenIsExposed {
            logger.warning("join token given where others can read it, prefer join_token_file")
        }
        for error in try await settings.checkFiles(now: Instants.system.now()) {
            logger.notice(
                "not needed: the agent has an identity", metadata: ["error": "\(error)"])
        }
        try DataDirectory.prepare(settings.agent.dataDirectory)
        let unix = UnixWorkloadAttestor(
            discoversPath: settings.discoversWorkloadPath, workloadSizeLimit: settings.workloadSizeLimit,
            instants: .system)
        let agent = IdentityAgent(configuration: settings.agent, attestors: [unix], instants: .system, logger: logger)
        try await ServiceGroup(
            services: [agent], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }
}

/// `agent run` options that override keys of the file.
struct AgentFlags: ParsableArguments {
    @Option(help: "The trust domain's name.") var trustDomain: String?
    @Option(help: "The folder for the agent's own identity (default: \(DefaultPath.agentData)).") var dataDir: String?
    @Option(help: "The server's host name or IP address.") var serverAddress: String?
    @Option(help: "The server's port (default: 8081).") var serverPort: String?
    @Option(help: "The Workload API's socket (default: \(DefaultPath.agentSocket)).") var socketPath: String?
    @Option(help: "A file with the server's trust bundle.") var trustBundlePath: String?
    @Option(help: "pem or spiffe (default: pem).") var trustBundleFormat: String?
    @Flag(help: "Trust whoever answers the first time.") var insecureBootstrap = false
    @Option(help: "A join token; others can see it in the process list, prefer --join-token-file.") var joinToken:
        String?
    @Option(help: "A file that holds the join token; - is standard input.") var joinTokenFile: String?

    var values: [String: String?] {
        [
            "trust_domain": self.trustDomain, "data_dir": self.dataDir, "server_address": self.serverAddress,
            "server_port": self.serverPort, "socket_path": self.socketPath, "trust_bundle_path": self.trustBundlePath,
            "trust_bundle_format": self.trustBundleFormat, "insecure_bootstrap": self.insecureBootstrap ? "true" : nil,
            "join_token": self.joinToken, "join_token_file": self.joinTokenFile,
        ]
    }
}
