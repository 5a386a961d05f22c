import FoundationEssentials
import Logging
import Rotation

/// Does what is due of some keys, again and again.
///
/// What fails leaves them as they are, and is tried again.
struct RotationLoop: Sendable {
    /// How long it is at most until the keys are held against the clock again.
    static let longestPause = Instants.wallClockReadingInterval

    let instants: Instants
    let logger: Logger
    /// What the log says of a rotation that failed.
    let failure: Logger.Message
    /// Does what is due, and returns when something is due next.
    let rotate: @Sendable (_ now: Date) async throws -> Date
    /// Waits for so long, by a clock that nobody sets; less long where there is a reason to look sooner.
    let pause: @Sendable (Duration) async throws -> Void

    /// Runs until the task is cancelled.
    func run() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var generator = SystemRandomNumberGenerator()
        while true {
            let next: Date
            do {
                next = try await self.rotate(self.instants.now())
                backoff.reset()
            } catch let error as CancellationError {
                throw error
            } catch {
                self.logger.error(self.failure, metadata: [LogKey.error: "\(error)"])
                try await self.instants.sleep(for: backoff.next(using: &generator))
                continue
            }
            // By a clock that nobody sets, and not for long: where the wall clock is set past the end of a key, or back
            // behind its beginning, the next look replaces it.
            let remaining = next.timeIntervalSince(self.instants.now())
            try await self.pause(min(.seconds(max(0, remaining)), Self.longestPause))
        }
    }
}
