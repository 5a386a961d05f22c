import Logging
import Synchronization

/// Collects log lines, with their metadata, as text, and lets a test wait for one.
final class LogRecorder: Sendable {
    private struct State {
        var lines: [String] = []
        /// How many lines of a message were waited for.
        var consumed: [String: Int] = [:]
        var waiting: [(message: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var text: String { self.state.withLock { $0.lines }.joined(separator: "\n") }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    /// Waits until a line with this message has been written, one more for each call.
    func wait(for message: String) async {
        await withCheckedContinuation { continuation in
            let isThere = self.state.withLock { state in
                let count = state.consumed[message, default: 0] + 1
                state.consumed[message] = count
                if Self.count(message, in: state.lines) >= count { return true }
                state.waiting.append((message, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private func append(_ line: String) {
        let due = self.state.withLock { state in
            state.lines.append(line)
            let due = state.waiting.filter { Self.count($0.message, in: state.lines) >= $0.count }
            state.waiting.removeAll { Self.count($0.message, in: state.lines) >= $0.count }
            return due
        }
        for waiting in due { waiting.continuation.resume() }
    }

    private static func count(_ message: String, in lines: [String]) -> Int {
        lines.count { $0.contains(message) }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { _, new in new }
            self.recorder.append("\(event.level) \(event.message) \(metadata.sorted { $0.key < $1.key })")
        }
    }
}
