import GRPCCore

/// The messages of a stream, taken one by one where they are received.
final class Messages<Message: Sendable> {
    private var iterator: RPCAsyncSequence<Message, any Error>.AsyncIterator

    init(_ messages: RPCAsyncSequence<Message, any Error>) {
        self.iterator = messages.makeAsyncIterator()
    }

    /// The next message; nil when the stream has ended well.
    func next() async throws -> Message? {
        try await self.iterator.next(isolation: #isolation)
    }
}
