import ServiceLifecycle

extension FollowedStream {
    /// Follows the stream until the task is cancelled, which throws, or the service is gracefully shut down, which
    /// returns.
    func runUntilGracefulShutdown(whenDenied: @escaping @Sendable () -> Void = {}) async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.run(whenDenied: whenDenied) }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            return
        }
    }
}
