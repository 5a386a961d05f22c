package import FoundationEssentials
import Synchronization

/// A flag that one task waits for.
///
/// A signal that nobody waits for is kept, and several count as one. A waiting task may be woken without one: it looks
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
    /// - Precondition: No other task waits.
    /// - Throws: `CancellationError` when the task is cancelled.
    package func wait() async throws {
        await self.waitForSignal()
        try Task.checkCancellation()
    }

    /// Waits for the next signal, at most until the wall clock reaches `deadline`, if there is one, and at most for
    /// `limit` by a clock that nobody sets, if there is one.
    ///
    /// - Precondition: No other task waits.
    /// - Throws: `CancellationError` when the task is cancelled.
    package func wait(until deadline: Date?, atMost limit: Duration? = nil, instants: Instants) async throws {
        guard deadline != nil || limit != nil else { return try await self.wait() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForSignal() }
            if let deadline { group.addTask { try await instants.sleep(until: deadline) } }
            if let limit { group.addTask { try await instants.sleep(for: limit) } }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    /// Returns at the next signal, or when the task is cancelled, which leaves no signal behind.
    private func waitForSignal() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let returnsAtOnce = self.state.withLock { state in
                    switch state {
                    case .signalled:
                        state = .idle
                        return true
                    case .idle where Task.isCancelled:
                        return true
                    case .idle:
                        // A cancellation from here on finds the continuation.
                        state = .waiting(continuation)
                        return false
                    case .waiting:
                        preconditionFailure("one task waits at a time")
                    }
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
