import GRPCCore
import ProtoRPC
import SwiftProtobuf

extension GRPCClient {
    /// The first message of a stream that would go on for ever.
    ///
    /// - Throws: `RPCError` of the call; ``CommandError`` when the stream ends without a message.
    func first<Input, Output>(
        _ method: RPCMethod<Input, Output>, _ request: Input, metadata: Metadata, timeout: Duration
    ) async throws -> Output {
        try await self.stream(method, request, metadata: metadata, timeout: timeout) { messages in
            for try await message in messages { return message }
            throw CommandError("the stream ended without a message")
        }
    }
}
