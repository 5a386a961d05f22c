import Logging
import Synchronization

/// Logs failures that may repeat: a new one as a warning, its repetitions at debug with their count.
final class FailureReports: Sendable {
    private struct State {
        var label: String?
        var repetitions = 0
    }

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) {
        self.logger = logger
    }

    func failed(_ error: WorkloadAPIError, consequence: String) {
        let repetitions = self.state.withLock { state in
            state.repetitions = state.label == error.label ? state.repetitions + 1 : 0
            state.label = error.label
            return state.repetitions
        }
        self.logger.log(
            level: repetitions == 0 ? .warning : .debug, "Workload API stream failed",
            metadata: [
                "error": "\(error)", "error.label": "\(error.label)", "consequence": "\(consequence)",
                "repetitions": "\(repetitions)",
            ])
    }

    func recovered() {
        let wasFailing = self.state.withLock { state in
            defer { state = State() }
            return state.label != nil
        }
        if wasFailing { self.logger.info("Workload API stream is back") }
    }
}
