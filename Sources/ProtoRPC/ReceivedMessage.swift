package import GRPCCore
import GRPCProtobuf
package import SwiftProtobuf

/// A message as it came from the peer: decoded, or bytes that are no such message.
///
/// gRPC Swift has one error for the peer's status INVALID_ARGUMENT and for bytes that it cannot decode, and ends the
/// call for both. Who must tell them apart, or read on, receives messages as this.
package enum ReceivedMessage<Content: Message & Sendable>: Sendable {
    case decoded(Content)
    case undecodable
}

/// Decodes messages without ending the call at one that cannot be decoded.
struct ReceivedMessageDeserializer<Content: Message & Sendable>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> ReceivedMessage<Content> {
        do {
            return .decoded(try ProtobufDeserializer<Content>().deserialize(bytes))
        } catch {
            return .undecodable
        }
    }
}

extension GRPCClient {
    /// Makes a call with one request and one response, as ``call(_:_:metadata:timeout:)`` does, whatever the bytes are.
    package func receive<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ request: Input,
        metadata: Metadata = [:],
        timeout: Duration? = nil
    ) async throws -> ReceivedMessage<Output> {
        try await self.unary(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: method.descriptor,
            serializer: ProtobufSerializer<Input>(),
            deserializer: ReceivedMessageDeserializer<Output>(),
            options: .with(timeout: timeout)
        ) { response in
            try response.message
        }
    }

    /// Makes a call with one request and hands over the stream of responses, as ``stream(_:_:metadata:timeout:_:)``
    /// does, whatever their bytes are.
    package func receiveStream<Input, Output, Result: Sendable>(
        _ method: RPCMethod<Input, Output>,
        _ request: Input,
        metadata: Metadata = [:],
        timeout: Duration? = nil,
        _ body:
            @escaping @Sendable (
                _ responses: RPCAsyncSequence<ReceivedMessage<Output>, any Error>
            ) async throws -> Result
    ) async throws -> Result {
        try await self.serverStreaming(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: method.descriptor,
            serializer: ProtobufSerializer<Input>(),
            deserializer: ReceivedMessageDeserializer<Output>(),
            options: .with(timeout: timeout)
        ) { response in
            try await body(response.messages)
        }
    }
}
