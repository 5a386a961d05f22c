import NIOCore
package import SwiftProtobuf

/// The requests of a bidirectional call, in the order in which the client sent them.
///
/// Ends when the client has ended its half of the call. Throws `RPCError` when the call is cancelled, or a message cannot
/// be decoded. For one consumer. The client may send only so much ahead of what is taken here.
package struct RPCRequests<Input: Message & Sendable>: AsyncSequence, Sendable {
    package typealias Element = Input
    package typealias Failure = any Error

    let queue: RequestQueue
    let call: CallHandle

    package struct AsyncIterator: AsyncIteratorProtocol {
        let queue: RequestQueue
        let call: CallHandle

        package mutating func next() async throws -> Input? {
            guard let bytes = try await self.queue.next() else { return nil }
            self.call.taken(bytes.readableBytes + MessageDecoder.prefixBytes)
            return try Input(decoding: bytes)
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(queue: self.queue, call: self.call)
    }
}
