extension Instants {
    /// Runs an operation, and cancels it when it takes longer than a limit.
    ///
    /// Returns when the operation has ended: it must heed its cancellation.
    ///
    /// - Throws: ``TimeLimitExceeded``, or what the operation throws.
    package func withTimeLimit<Value: Sendable>(
        _ limit: Duration, _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await operation() }
            group.addTask {
                try await self.sleep(for: limit)
                throw TimeLimitExceeded(limit: limit)
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

/// An operation took longer than it may.
package struct TimeLimitExceeded: Error, Hashable {
    package let limit: Duration

    package init(limit: Duration) {
        self.limit = limit
    }
}
