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
        self.level = try settings.choice("log_level", default: LevelName.info).level
        self.format = try settings.choice("log_format", default: Format.text)
    }

    func logger(label: String) -> Logger {
        Logger(label: label) { label in
            var handler = LineLogHandler(label: label, format: self.format)
            handler.logLevel = self.level
            return handler
        }
    }

    /// Level names as SPIRE's files write them, in either case.
    private enum LevelName: String, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
        case spireTrace = "TRACE"
        case spireDebug = "DEBUG"
        case spireInfo = "INFO"
        case spireWarn = "WARN"
        case spireError = "ERROR"

        var level: Logger.Level {
            switch self {
            case .trace, .spireTrace: .trace
            case .debug, .spireDebug: .debug
            case .info, .spireInfo: .info
            case .notice: .notice
            case .warning, .spireWarn: .warning
            case .error, .spireError: .error
            case .critical: .critical
            }
        }
    }
}
