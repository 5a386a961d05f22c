import ArgumentParser
import FoundationEssentials

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Configuration files.", subcommands: [ConfigValidate.self])
}

/// `signet config validate`: everything `server run` or `agent run` checks before it starts, and nothing started.
///
/// Environment variables count as they would for those two. Standard input is read for nothing but the file itself.
struct ConfigValidate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check a configuration file; exit 2 says what is wrong.")

    @Option(help: "The configuration file (YAML); - is standard input.") var config: String

    func run() async throws {
        let file = try ConfigurationFile(path: self.config)
        guard !file.sections.isEmpty else {
            throw ConfigurationError.noSection(path: self.config, expected: "server' or 'agent")
        }
        for section in ConfigurationSection.allCases where file.sections.contains(section) {
            let environment = ProcessInfo.processInfo.environment
            let settings = Settings(section: section, flags: [:], environment: environment, file: file)
            switch section {
            case .server: _ = try ServerSettings(settings)
            case .agent: _ = try await AgentSettings(settings, readsStandardInput: false).checkFiles(now: Date())
            }
        }
        Console.print("\(self.config): valid")
    }
}
