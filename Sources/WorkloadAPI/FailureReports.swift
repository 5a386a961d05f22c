import Logging
import Synchronization

/// Logs failures that may repeat: a new one as a warning, its repetitions at debug with their count.
final class FailureReports: Sendable {
    private struct State {
        var last: WorkloadAPIError?
        var repetitions = 0
    }

    private let logger: Logger
    private let failure: Logger.Message
    private let recovery: Logger.Message
    private let state = Mutex(State())

    /// - Parameters:
    ///   - failure: What is said of a failure.
    ///   - recovery: What is said when it is over.
    init(logger: Logger, failure: Logger.Message, recovery: Logger.Message) {
        self.logger = logger
        self.failure = failure
        self.recovery = recovery
    }

    func failed(_ error: WorkloadAPIError, consequence: String) {
        let repetitions = self.state.withLock { state in
            state.repetitions = state.last.map(error.isRepetition) == true ? state.repetitions + 1 : 0
            state.last = error
            return state.repetitions
        }
        self.logger.log(
            level: repetitions == 0 ? .warning : .debug, self.failure,
            metadata: [
                "error": "\(error)", "error.label": "\(error.label)", "consequence": "\(consequence)",
                "repetitions": "\(repetitions)",
            ])
    }

    func recovered() {
        let wasFailing = self.state.withLock { state in
            defer { state = State() }
            return state.last != nil
        }
        if wasFailing { self.logger.info(self.recovery) }
    }
}

extension WorkloadAPIError {
    /// Whether there is nothing new in this error after another one.
    ///
    /// Servers word one failure in many ways; what is wrong with a message is a reason of its own.
    fileprivate func isRepetition(of other: WorkloadAPIError) -> Bool {
        switch (self, other) {
        case (.invalidMessage(let error), .invalidMessage(let other)): error == other
        default: self.label == other.label
        }
    }
}
