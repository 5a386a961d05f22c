import Synchronization

/// Lets one write to the stores run at a time, in the order of a ``WriteLine``, however often each suspends.
///
/// What a write changes in memory is changed before the next one begins, so memory sees commits in the order of the
/// store. An actor would not do: its methods interleave at every `await`.
package final class WriteOrder: Sendable {
    private typealias Waiter = CheckedContinuation<Void, any Error>

    private struct State: Sendable {
        var line = WriteLine<Waiter>()
        var lastID: UInt64 = 0
    }

    private enum Arrival {
        case turn
        case waiting
        case cancelled
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs `write` when its turn has come.
    ///
    /// - Throws: What `write` throws; `CancellationError` when the task is cancelled before its turn, and nothing was
    ///   run.
    package func run<Result>(
        _ turn: WriteTurn = .inLine, _ write: () async throws -> Result
    ) async throws -> Result {
        try await self.waitForTurn(turn)
        defer { self.state.withLock { $0.line.passOn() }?.resume() }
        return try await write()
    }

    private func waitForTurn(_ turn: WriteTurn) async throws {
        let id = self.state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let arrival: Arrival = self.state.withLock { state in
                    // A cancellation from here on finds the continuation.
                    if Task.isCancelled { return .cancelled }
                    return state.line.arrive(id, turn, continuation) ? .turn : .waiting
                }
                switch arrival {
                case .turn: continuation.resume()
                case .waiting: break
                case .cancelled: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            self.state.withLock { $0.line.leave(id) }?.resume(throwing: CancellationError())
        }
    }
}
