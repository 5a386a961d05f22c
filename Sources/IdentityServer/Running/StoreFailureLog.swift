import Logging
import Registration
import Synchronization

/// Logs a store that fails once as an error, then as debug with a count, and the end of it as info.
final class StoreFailureLog: Sendable {
    private struct Going: Sendable {
        var failure: StoreFailure
        var attempts: Int
    }

    private let logger: Logger
    private let going = Mutex<Going?>(nil)

    init(logger: Logger) {
        self.logger = logger
    }

    /// A failure of another kind than the last one is logged as an error again.
    func failed(_ failure: StoreFailure) {
        let (isNews, attempts) = self.going.withLock { going in
            let isNews = going?.failure != failure
            let attempts = (going?.attempts ?? 0) + 1
            going = Going(failure: failure, attempts: attempts)
            return (isNews, attempts)
        }
        self.logger.log(
            level: isNews ? .error : .debug, "the store failed",
            metadata: [LogKey.error: "\(failure)", LogKey.attempts: "\(attempts)"])
    }

    /// Something was written.
    func succeeded() {
        let ended = self.going.withLock { going in
            defer { going = nil }
            return going
        }
        guard let ended else { return }
        self.logger.info("the store works again", metadata: [LogKey.attempts: "\(ended.attempts)"])
    }
}
