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

    /// Waits for the next signal.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    package func wait() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = self.state.withLock { state in
                    switch state {
                    case .idle:
                        state = .waiting(continuation)
                        return false
                    case .signalled:
                        state = .idle
                        return true
                    case .waiting:
                        preconditionFailure("one task waits at a time")
                    }
                }
                if isSignalled { continuation.resume() }
            }
        } onCancel: {
            self.signal()
        }
        try Task.checkCancellation()
    }

    /// Waits for the next signal, at most until the wall clock reaches `deadline`.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    package func wait(until deadline: Date, instants: Instants) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await instants.sleep(until: deadline) }
            group.addTask { try await self.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
