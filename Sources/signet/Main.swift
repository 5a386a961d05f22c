import AccessTokens
import ArgumentParser
import Glibc

/// The entry point: parses, runs, and turns what went wrong into the exit codes scripts rely on.
///
/// 0: done. 1: the command failed. 2: wrong usage or wrong configuration.
@main
enum Main {
    static func main() async {
        ignoreBrokenPipes()
        let arguments = SPIRESpelling.translate(Array(CommandLine.arguments.dropFirst()))
        do {
            var command = try Signet.parseAsRoot(arguments)
            guard type(of: command).configuration.subcommands.isEmpty else {
                Console.error(Signet.helpMessage(for: type(of: command)))
                exit(2)
            }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(ExitReport(error).print())
        }
    }

    /// A reader that went away ends a write with an error, not the process.
    private static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }
}

/// The whole command line.
struct Signet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signet",
        abstract: "Identity for every process, and proof of who calls for every call.",
        discussion: """
            A control plane issues, node agents attest processes and hand identities out over a Unix socket.
            SPIRE's own option spellings (-spiffeID, -parentID, -socketPath, …) are understood everywhere.

            Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
            """,
        version: SignetVersion.current,
        subcommands: [
            ServerCommand.self, AgentCommand.self, EntryCommand.self, TokenCommand.self, BundleCommand.self,
            X509Command.self, JWTCommand.self, WITCommand.self, WorkloadCommand.self, ServiceCommand.self,
            GrantCommand.self, ApplyCommand.self, RevokeCommand.self, RevocationCommand.self, AuditCommand.self,
            HealthCheck.self,
            ConfigCommand.self,
        ])
}

/// The version this program reports: `signet --version`, an agent's `agent_version`.
enum SignetVersion {
    static let current = "\(LibraryVersion.current)"
}
