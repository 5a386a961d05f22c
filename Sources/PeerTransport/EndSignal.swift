import Synchronization

/// Something that happens once, and one task that waits for it.
package final class EndSignal: Sendable {
    private enum State {
        case pending
        case waiting(CheckedContinuation<Void, Never>)
        case fired
    }

    private let state = Mutex(State.pending)

    package init() {}

    var hasFired: Bool {
        self.state.withLock { state in
            if case .fired = state { true } else { false }
        }
    }

    /// Ends the wait; whoever waits later does not wait at all.
    ///
    /// Callable any number of times, from anywhere.
    package func fire() {
        let waiting: CheckedContinuation<Void, Never>? = self.state.withLock { state in
            defer { state = .fired }
            guard case .waiting(let continuation) = state else { return nil }
            return continuation
        }
        waiting?.resume()
    }

    /// Returns once ``fire()`` was called, or the task is cancelled.
    ///
    /// For one task.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let hasFired = self.state.withLock { state in
                    guard case .pending = state else { return true }
                    state = .waiting(continuation)
                    return false
                }
                if hasFired { continuation.resume() }
            }
        } onCancel: {
            self.fire()
        }
    }
}
