import FoundationEssentials
import Rotation
import Synchronization

/// A flag that one task waits for.
///
/// A signal that nobody waits for is kept, several count as one, and a waiting task may be woken without one: it looks again
/// at what it waits for.
final class WakeUp: Sendable {
    private struct State {
        var isSignalled = false
        var waiter: AsyncStream<Void>.Continuation?
    }

    private let state = Mutex(State())

    /// Wakes the waiting task, or lets the next wait return at once.
    func signal() {
        let waiter = self.state.withLock { state in
            state.isSignalled = true
            return state.waiter
        }
        waiter?.yield()
    }

    /// Waits for the next signal, at most until the wall clock reaches `deadline`, if there is one.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    func wait(until deadline: Date?, instants: Instants) async throws {
        // A stream of this wait's own: a cancelled iteration ends its stream for good.
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let isSignalled = self.state.withLock { state in
            state.waiter = continuation
            return state.isSignalled
        }
        if isSignalled { continuation.yield() }
        // Whoever waited looks at everything afterwards: signals up to here are answered.
        defer { self.state.withLock { $0 = State() } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { break } }
            if let deadline {
                group.addTask { try await instants.sleep(until: deadline) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }
}
