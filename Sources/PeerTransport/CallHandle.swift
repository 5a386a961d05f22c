import GRPCCore
import NIOCore
import NIOHTTP2
import SwiftProtobuf

/// How a task reaches the call that it handles, from any thread.
struct CallHandle: Sendable {
    let connection: NIOLoopBound<RPCConnectionHandler>
    let call: NIOLoopBound<Call>
    let id: HTTP2StreamID

    /// The handler has ended: with a last response message, without one, or with an error.
    func finish(_ outcome: Result<ByteBuffer?, RPCError>) {
        let (connection, call, id) = (self.connection, self.call, self.id)
        connection.eventLoop.execute { connection.value.finish(call.value, id, outcome) }
    }

    /// Sends a response message; returns once it has left for the peer, whose flow control may take its time.
    ///
    /// - Throws: `RPCError` CANCELLED when the call has ended.
    func write(_ message: ByteBuffer) async throws {
        let (connection, id) = (self.connection, self.id)
        let written = connection.eventLoop.makePromise(of: Void.self)
        connection.eventLoop.execute { connection.value.write(message, to: id, promise: written) }
        do {
            try await written.futureResult.get()
        } catch {
            throw RPCError(code: .cancelled, message: "the call has ended", cause: error)
        }
    }

    /// The handler has taken bytes of the request, which the peer may now send again.
    func taken(_ bytes: Int) {
        let (connection, id) = (self.connection, self.id)
        connection.eventLoop.execute { connection.value.taken(bytes, of: id) }
    }
}

/// Encodes the response messages of a call.
struct ResponseWriter<Output: Message & Sendable>: RPCWriterProtocol {
    typealias Element = Output

    let call: CallHandle

    func write(_ element: Output) async throws {
        try await self.call.write(element.framed())
    }

    func write(contentsOf elements: some Sequence<Output>) async throws {
        for element in elements { try await self.write(element) }
    }
}

extension Message {
    /// Decodes a request.
    ///
    /// - Throws: `RPCError` INTERNAL, as the table of gRPC status codes has it.
    init(decoding bytes: ByteBuffer) throws {
        do {
            try self.init(serializedBytes: Array(bytes.readableBytesView))
        } catch {
            throw RPCError(code: .internalError, message: "the request message cannot be decoded", cause: error)
        }
    }

    /// The message as gRPC sends it.
    func framed() throws -> ByteBuffer {
        let bytes: [UInt8] = try self.serializedBytes()
        return .framing(message: bytes)
    }
}
