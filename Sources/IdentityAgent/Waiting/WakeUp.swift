package import FoundationEssentials
package import Rotation
import Synchronization

/// A flag that one task waits for.
///
/// A signal that nobody waits for is kept, several count as one, and a waiting task may be woken without one: it looks
/// again at what it waits for.
package final class WakeUp: Sendable {
    private enum State {
        case idle
        case signalled
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    package init() {}

    /// Wakes the waiting task, or lets the next wait return at once.
    package func signal() {
        let waiting: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            guard case .waiting(let continuation) = state else {
                state = .signalled
                return nil
            }
            state = .idle
            return continuation
        }
        waiting?.resume()
    }

    /// Waits for the next signal, at most until the wall clock reaches `deadline`, if there is one.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    package func wait(until deadline: Date?, instants: Instants) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForSignal() }
            if let deadline {
                group.addTask { try await instants.sleep(until: deadline) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    /// Returns at the next signal, or when the task is cancelled.
    ///
    /// For one task at a time.
    private func waitForSignal() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let returnsAtOnce = self.state.withLock { state in
                    // Looked at under the lock: a cancellation from here on finds the continuation.
                    if case .idle = state, !Task.isCancelled {
                        state = .waiting(continuation)
                        return false
                    }
                    if case .signalled = state { state = .idle }
                    return true
                }
                if returnsAtOnce { continuation.resume() }
            }
        } onCancel: {
            let waiting: CheckedContinuation<Void, Never>? = self.state.withLock { state in
                guard case .waiting(let continuation) = state else { return nil }
                state = .idle
                return continuation
            }
            waiting?.resume()
        }
    }
}
