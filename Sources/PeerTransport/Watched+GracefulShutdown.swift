package import Rotation
import ServiceLifecycle

extension Watched {
    /// Runs `body` with the current value and then each replacement, until the service shuts down gracefully.
    ///
    /// Needs no tasks of its own, of which `cancelOnGracefulShutdown()` takes four: there may be thousands of streams.
    ///
    /// - Throws: What `body` throws. Cancellation of the task ends it without an error.
    package func forEachUntilGracefulShutdown(_ body: (Value) async throws -> Void) async rethrows {
        let (values, end) = self.endableUpdates()
        try await withGracefulShutdownHandler {
            for await value in values { try await body(value) }
        } onGracefulShutdown: {
            end()
        }
    }
}
