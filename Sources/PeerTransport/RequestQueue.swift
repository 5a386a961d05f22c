import GRPCCore
import NIOCore
import Synchronization

/// The requests of one call on their way from the event loop to the handler.
///
/// Bounded by flow control: what waits here is not granted to the peer again until the handler has taken it.
final class RequestQueue: Sendable {
    private struct State {
        var messages = CircularBuffer<ByteBuffer>()
        var end: Result<Void, RPCError>?
        var waiting: CheckedContinuation<ByteBuffer?, any Error>?

        /// The next thing to give the handler; nil where it has to wait.
        mutating func next() -> Result<ByteBuffer?, any Error>? {
            if case .failure(let error) = self.end { return .failure(error) }
            if let message = self.messages.popFirst() { return .success(message) }
            return self.end.map { _ in .success(nil) }
        }

        mutating func wake() -> (CheckedContinuation<ByteBuffer?, any Error>, Result<ByteBuffer?, any Error>)? {
            guard let waiting = self.waiting, let next = self.next() else { return nil }
            self.waiting = nil
            return (waiting, next)
        }
    }

    private let state = Mutex(State())

    func push(_ messages: [ByteBuffer], ended: Bool) {
        self.change { state in
            guard state.end == nil else { return }
            state.messages.append(contentsOf: messages)
            if ended { state.end = .success(()) }
        }
    }

    /// Ends the sequence with an error; requests that nobody has taken are dropped.
    func fail(_ error: RPCError) {
        self.change { state in
            if case .failure = state.end { return }
            state.messages.removeAll()
            state.end = .failure(error)
        }
    }

    private func change(_ body: (inout sending State) -> Void) {
        let woken = self.state.withLock { state in
            body(&state)
            return state.wake()
        }
        if let (continuation, result) = woken { continuation.resume(with: result) }
    }

    /// The next request; nil after the last.
    ///
    /// For one task.
    func next() async throws -> ByteBuffer? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = self.state.withLock { state in
                    let next = state.next()
                    if next == nil { state.waiting = continuation }
                    return next
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            self.fail(RPCError(code: .cancelled, message: "the call was cancelled"))
        }
    }
}
