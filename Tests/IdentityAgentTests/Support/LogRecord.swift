import Logging
import TestSupport

/// A log kept in memory.
struct LogRecord: LogHandler {
    struct Entry: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: Logger.Metadata
    }

    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    private let recorded = Recorded<Entry>()

    var entries: [Entry] { self.recorded.values }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = self.metadata.merging(event.metadata ?? [:]) { _, new in new }
        self.recorded.append(Entry(level: event.level, message: "\(event.message)", metadata: metadata))
    }
}
