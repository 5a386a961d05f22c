public import FoundationEssentials
package import Rotation
import Synchronization

/// Time that stands still until a test moves it.
///
/// Everything of ``SPIFFETesting`` runs on it. Give it to what is tested, too: `SPIFFETLSContexts(…, now: time.clock)`.
public final class ManualTime: Sendable {
    private let moment: Watched<Date>
    private let sleepers = Mutex(0)
    private let sleepersChanged = Watched(())

    /// - Parameter now: Default: what the clock of this machine shows.
    public init(now: Date = Date()) {
        self.moment = Watched(now)
    }

    /// The time it is.
    public var now: Date { self.moment.current }

    /// The time, for those who ask for a closure.
    public var clock: @Sendable () -> Date {
        { self.now }
    }

    /// Moves time, and wakes those whose moment has come.
    ///
    /// One test moves it at a time.
    public func advance(by duration: Duration) {
        self.moment.publish(self.now.addingTimeInterval(duration / .seconds(1)))
    }

    /// Waits until so many are waiting for a moment: a source, for example, before it asks again.
    public func waitForSleepers(_ count: Int = 1) async throws {
        for await _ in self.sleepersChanged.updates() where self.sleepers.withLock({ $0 }) >= count { return }
        throw CancellationError()
    }

    package var instants: Instants {
        Instants(now: self.clock, sleepUntil: { try await self.sleep(until: $0) })
    }

    private func sleep(until date: Date) async throws {
        self.sleepers.withLock { $0 += 1 }
        self.sleepersChanged.publish(())
        defer { self.sleepers.withLock { $0 -= 1 } }
        for await now in self.moment.updates() where now >= date { return }
        throw CancellationError()
    }
}
