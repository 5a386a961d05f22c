package import GRPCCore

extension GRPCClient {
    /// Runs the connections until the client is told to end; returns whether that was after it began.
    ///
    /// In a task of its own: when a channel of gRPC Swift is cancelled before it is told to close, calls that have just
    /// joined its queue wait for ever. So it is told first.
    package func runUntilEnded() async throws -> Bool {
        let connections = Task { try await self.runConnections() }
        do {
            try await withTaskCancellationHandler {
                try await connections.value
            } onCancel: {
                self.beginGracefulShutdown()
                connections.cancel()
            }
            return true
        } catch let error as RuntimeError where error.code == .clientIsStopped {
            return false
        }
    }

    /// Runs the connections while `body` makes its calls, and closes them then.
    ///
    /// In place of `withGRPCClient(transport:)`, which a cancellation may keep from ever ending; see ``runUntilEnded()``.
    package func running<Result: Sendable>(
        _ body: (GRPCClient) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await self.runUntilEnded() }
            let result = try await body(self)
            self.beginGracefulShutdown()
            return result
        }
    }
}
