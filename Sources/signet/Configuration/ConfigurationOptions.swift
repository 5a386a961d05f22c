import ArgumentParser
import FoundationEssentials

/// The options every command that reads a configuration has, and the way from them to ``Settings``.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration file (YAML); - is standard input.")
    var config: String?

    @Option(name: .long, help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    @Option(name: .long, help: "text or json.")
    var logFormat: String?

    /// Reads the file, when there is one, and lays flags and environment over it.
    ///
    /// Without `--config` the default path is read if it exists.
    func settings(
        for section: ConfigurationSection, defaultPath: String, flags: [String: String?]
    ) throws(ConfigurationError) -> Settings {
        var given = flags.compactMapValues { $0 }
        if let logLevel { given["log_level"] = logLevel }
        if let logFormat { given["log_format"] = logFormat }
        return Settings(
            section: section, flags: given, environment: ProcessInfo.processInfo.environment,
            file: try self.file(for: section, defaultPath: defaultPath))
    }

    private func file(for section: ConfigurationSection, defaultPath: String) throws(ConfigurationError)
        -> ConfigurationFile?
    {
        if self.config == nil, !FileManager.default.fileExists(atPath: defaultPath) { return nil }
        let path = self.config ?? defaultPath
        let file = try ConfigurationFile(path: path)
        guard file.sections.contains(section) else { throw .noSection(path: path, expected: section.rawValue) }
        return file
    }
}
