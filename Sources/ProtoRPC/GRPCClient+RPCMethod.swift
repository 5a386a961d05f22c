package import GRPCCore
import GRPCProtobuf

extension GRPCClient {
    /// Makes a call with one request and one response.
    ///
    /// - Parameter timeout: The deadline that the server is told, and after which the call fails here. Default: none.
    /// - Throws: `RPCError` with the status of the call.
    package func call<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ request: Input,
        metadata: Metadata = [:],
        timeout: Duration? = nil
    ) async throws -> Output {
        try await self.unary(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: method.descriptor,
            serializer: ProtobufSerializer<Input>(),
            deserializer: ProtobufDeserializer<Output>(),
            options: .with(timeout: timeout)
        ) { response in
            try response.message
        }
    }

    /// Makes a call with one request and hands the stream of responses to `body`.
    ///
    /// The stream ends when the server ends it, and throws `RPCError` where the status is not OK. The call is cancelled
    /// when `body` returns.
    package func stream<Input, Output, Result: Sendable>(
        _ method: RPCMethod<Input, Output>,
        _ request: Input,
        metadata: Metadata = [:],
        timeout: Duration? = nil,
        _ body: @escaping @Sendable (_ responses: RPCAsyncSequence<Output, any Error>) async throws -> Result
    ) async throws -> Result {
        try await self.serverStreaming(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: method.descriptor,
            serializer: ProtobufSerializer<Input>(),
            deserializer: ProtobufDeserializer<Output>(),
            options: .with(timeout: timeout)
        ) { response in
            try await body(response.messages)
        }
    }

    /// Makes a call with a stream of requests and a stream of responses.
    ///
    /// `requests` writes the requests and ends their stream by returning; `body` runs beside it and reads the responses.
    package func converse<Input, Output, Result: Sendable>(
        _ method: RPCMethod<Input, Output>,
        metadata: Metadata = [:],
        timeout: Duration? = nil,
        requests: @escaping @Sendable (_ writer: RPCWriter<Input>) async throws -> Void,
        _ body: @escaping @Sendable (_ responses: RPCAsyncSequence<Output, any Error>) async throws -> Result
    ) async throws -> Result {
        try await self.bidirectionalStreaming(
            request: StreamingClientRequest(metadata: metadata, producer: requests),
            descriptor: method.descriptor,
            serializer: ProtobufSerializer<Input>(),
            deserializer: ProtobufDeserializer<Output>(),
            options: .with(timeout: timeout)
        ) { response in
            try await body(response.messages)
        }
    }
}

extension CallOptions {
    static func with(timeout: Duration?) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeout
        return options
    }
}
