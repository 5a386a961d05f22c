import ServiceLifecycle

extension FollowedStream {
    /// Follows the stream until the task is cancelled, which throws, or the service is gracefully shut down, which
    /// returns.
    func runUntilGracefulShutdown() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.run() }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            return
        }
    }
}
