import Logging
import Rotation

/// Follows one stream of the Workload API and publishes its state: what every source has in common.
final class FollowedStream<Value: Sendable>: Sendable {
    let state = Watched<SourceState<Value>>(.waiting(nil))

    private let client: WorkloadAPIClient
    private let stream: WorkloadAPIStream<Value>
    private let reports: FailureReports

    init(client: WorkloadAPIClient, stream: WorkloadAPIStream<Value>, logger: Logger) {
        self.client = client
        self.stream = stream
        self.reports = FailureReports(
            logger: logger, failure: "Workload API stream failed", recovery: "Workload API stream is back")
    }

    /// Follows the stream until the task is cancelled.
    ///
    /// - Parameter whenDenied: Called before the value is withdrawn from a process without identity.
    /// - Throws: What ``WorkloadAPIClient/follow(_:_:)`` throws; a failure that repeating would not change has then
    ///   withdrawn the value.
    func run(whenDenied: @escaping @Sendable () -> Void = {}) async throws {
        do {
            try await self.client.follow(self.stream) { update in
                if case .withdrawn = update { whenDenied() }
                self.take(update)
            }
        } catch let error as WorkloadAPIError {
            self.reports.failed(error, consequence: "the Workload API is not asked again")
            self.withdraw(error)
            throw error
        }
    }

    /// Withdraws the value of a stream that is not followed any more.
    func withdraw(_ error: WorkloadAPIError) {
        self.state.publish(.withdrawn(error))
    }

    private func take(_ update: WorkloadAPIUpdate<Value>) {
        switch update {
        case .received(let value):
            self.reports.recovered()
            self.state.publish(.ready(value))
        case .discarded(let error):
            self.reports.failed(error, consequence: "the message is discarded, the last good one stays in force")
            self.failed(error)
        case .interrupted(let error):
            self.reports.failed(error, consequence: "the last state stays in force until the Workload API is back")
            self.failed(error)
        case .withdrawn(let error):
            self.reports.failed(error, consequence: "what the Workload API gave is withdrawn")
            self.state.publish(.withdrawn(error))
        }
    }

    private func failed(_ error: WorkloadAPIError) {
        if case .waiting = self.state.current { self.state.publish(.waiting(error)) }
    }

    /// The value and each replacement: the newest only, for a slow consumer.
    func updates() -> some AsyncSequence<Result<Value, WorkloadAPIError>, Never> & Sendable {
        self.state.updates().map { state in
            Result { () throws(WorkloadAPIError) in try state.value }
        }
    }

    /// Waits until there is a value that `accept` accepts.
    ///
    /// - Parameter accept: What is waited for in a value; throws what is missing.
    /// - Throws: The last error, or ``WorkloadAPIError/timedOut``, when there is none within `timeout` of `instants`;
    ///   at once when the stream is not followed any more.
    func waitUntilReady<Result: Sendable>(
        timeout: Duration, instants: Instants,
        accept: @escaping @Sendable (Value) throws(WorkloadAPIError) -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask {
                for await state in self.state.updates() {
                    if case .ready(let value) = state, let result = try? accept(value) { return result }
                    if case .withdrawn(let error) = state, error.isFinal { throw error }
                }
                throw CancellationError()
            }
            group.addTask {
                try await instants.sleep(for: timeout)
                if case .waiting(nil) = self.state.current { throw WorkloadAPIError.timedOut }
                return try accept(self.state.current.value)
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}
