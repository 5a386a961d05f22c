import Logging

/// How much is logged, and in which form.
///
/// Logs go to standard error.
struct LoggingSettings: Hashable {
    enum Format: String, CaseIterable {
        case text
        case json
    }

    let level: Logger.Level
    let format: Format

    init(_ settings: Settings) throws(ConfigurationError) {
        self.level = try Self.level(settings)
        self.format = try settings.choice("log_format", default: Format.text)
    }

    func logger(label: String) -> Logger {
        Logger(label: label) { label in
            var handler = LineLogHandler(label: label, format: self.format)
            handler.logLevel = self.level
            return handler
        }
    }

    /// Reads a level in upper or lower case, as SPIRE's files have it; `warn` is one of its names.
    private static func level(_ settings: Settings) throws(ConfigurationError) -> Logger.Level {
        guard let text = settings.text("log_level") else { return .info }
        let name = text.lowercased()
        guard let level = Logger.Level(rawValue: name == "warn" ? "warning" : name) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(key: settings.name(of: "log_level"), value: text, expected: "one of \(names)")
        }
        return level
    }
}
