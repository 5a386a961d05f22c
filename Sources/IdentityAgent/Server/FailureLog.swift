import GRPCCore
import Logging
import Synchronization

/// Logs a failure that goes on once as a warning, then as debug with a count, and its end as info.
final class FailureLog: Sendable {
    private let message: Logger.Message
    private let count = Mutex(0)

    init(_ message: Logger.Message) {
        self.message = message
    }

    func failed(_ error: any Error, _ logger: Logger) {
        let count = self.count.withLock { count in
            count += 1
            return count
        }
        var metadata: Logger.Metadata = [LogKey.error: "\(error)", LogKey.attempts: "\(count)"]
        if let error = error as? RPCError {
            metadata[LogKey.error] = "\(error.message)"
            metadata[LogKey.code] = "\(error.code)"
            if let cause = error.rootCause { metadata[LogKey.cause] = "\(cause)" }
        }
        logger.log(level: count == 1 ? .warning : .debug, self.message, metadata: metadata)
    }

    /// Returns whether there was a failure before.
    @discardableResult
    func succeeded(_ logger: Logger) -> Bool {
        let failures = self.count.withLock { count in
            defer { count = 0 }
            return count
        }
        if failures > 0 { logger.info("the server answers again", metadata: [LogKey.attempts: "\(failures)"]) }
        return failures > 0
    }
}
