import Synchronization

/// Lets one write to the stores run at a time, in the order of arrival, however often each suspends.
///
/// What a write changes in memory is changed before the next one begins, so memory sees commits in the order of the
/// store. An actor would not do: its methods interleave at every `await`.
package final class WriteOrder: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// The index of the first that waits; what is before it has had its turn.
        var first = 0

        mutating func take(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
            guard self.isTaken else {
                self.isTaken = true
                return true
            }
            self.waiting.append(continuation)
            return false
        }

        /// The turn passes to the next in line without being free meanwhile, so that nobody slips in between.
        mutating func passOn() -> CheckedContinuation<Void, Never>? {
            guard self.first < self.waiting.count else {
                self.waiting.removeAll(keepingCapacity: true)
                self.first = 0
                self.isTaken = false
                return nil
            }
            let next = self.waiting[self.first]
            self.first += 1
            // Freed in bulk: each place in the line is moved at most once.
            if self.first == self.waiting.count / 2 + 1 {
                self.waiting.removeFirst(self.first)
                self.first = 0
            }
            return next
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs `write` when all writes that came before have ended.
    ///
    /// A task that is cancelled while it waits keeps its place, and its write decides what to do about it.
    package func run<Result>(_ write: () async throws -> Result) async rethrows -> Result {
        await withCheckedContinuation { continuation in
            if self.state.withLock({ $0.take(continuation) }) { continuation.resume() }
        }
        defer { self.state.withLock { $0.passOn() }?.resume() }
        return try await write()
    }
}
