import Synchronization

/// The latest value of something that rotates, and a way to follow its replacements.
///
/// A slow watcher misses intermediate values, never the latest: a wake-up carries no value, the watcher re-reads
/// ``current``, so the order in which concurrent publishers wake watchers does not matter. A watcher may see the
/// same value twice.
public final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var current: Value
        var wakeUps: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextID: UInt64 = 0

        mutating func register(_ wakeUp: AsyncStream<Void>.Continuation) -> UInt64 {
            defer { self.nextID += 1 }
            self.wakeUps[self.nextID] = wakeUp
            return self.nextID
        }
    }

    private let state: Mutex<State>

    /// Creates the value that watchers see until the first ``publish(_:)``.
    public init(_ initial: Value) {
        self.state = Mutex(State(current: initial))
    }

    /// The value published last.
    public var current: Value {
        self.state.withLock { $0.current }
    }

    /// Replaces the value and wakes every watcher.
    ///
    /// Never waits for a watcher. Once this has returned, ``current`` is `value` or something published later.
    public func publish(_ value: Value) {
        let (replaced, wakeUps) = self.state.withLock { state in
            defer { state.current = value }
            return (state.current, Array(state.wakeUps.values))
        }
        // Kept until here, so that releasing it never runs code under the lock.
        withExtendedLifetime(replaced) {
            for wakeUp in wakeUps { wakeUp.yield() }
        }
    }

    /// Runs `body` with the current value and then each replacement.
    ///
    /// The sequence is for one consumer, begins with the current value and ends only when the task is cancelled.
    public func watch<Result>(
        _ body: (_ values: AsyncMapSequence<AsyncStream<Void>, Value>) async throws -> Result
    ) async rethrows -> Result {
        let (wakeUps, wakeUp) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = self.state.withLock { $0.register(wakeUp) }
        defer { self.unregister(id) }
        wakeUp.yield()
        return try await body(wakeUps.map { _ in self.current })
    }

    /// The current value and then each replacement, where a scope as in ``watch(_:)`` does not fit.
    ///
    /// The sequence is for one consumer. It ends when the consuming task is cancelled, and stops being woken when it is
    /// released: it needs no closing.
    public func updates() -> some AsyncSequence<Value, Never> & Sendable {
        self.endableUpdates().values
    }

    /// The sequence of ``updates()``, and what ends it from elsewhere.
    package func endableUpdates() -> (
        values: some AsyncSequence<Value, Never> & Sendable, end: @Sendable () -> Void
    ) {
        let (wakeUps, wakeUp) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = self.state.withLock { $0.register(wakeUp) }
        wakeUp.onTermination = { [weak self] _ in self?.unregister(id) }
        wakeUp.yield()
        return (wakeUps.map { _ in self.current }, { wakeUp.finish() })
    }

    /// How many watchers a ``publish(_:)`` would wake.
    package var watcherCount: Int {
        self.state.withLock { $0.wakeUps.count }
    }

    private func unregister(_ id: UInt64) {
        // Returned out of the lock, so that releasing a stream never runs code under it.
        _ = self.state.withLock { $0.wakeUps.removeValue(forKey: id) }
    }
}
