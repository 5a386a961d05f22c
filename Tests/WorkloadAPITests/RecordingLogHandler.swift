import Logging
import Rotation

/// Keeps the levels of what is logged, one message after the other.
struct RecordingLogHandler: LogHandler {
    let levels: Watched<[Logger.Level]>
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    init(levels: Watched<[Logger.Level]>) {
        self.levels = levels
    }

    func log(event: LogEvent) {
        self.levels.publish(self.levels.current + [event.level])
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }
}
