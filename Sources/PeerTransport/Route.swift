import NIOCore

/// One method as connections see it: bytes in, framed bytes out.
struct Route: Sendable {
    let checks: [@Sendable (RPCContext) throws -> Void]
    let handler: CallHandler
}

/// A handler without the types of its messages.
enum CallHandler: Sendable {
    typealias Check = @Sendable (RPCContext) async throws -> Void

    case immediate(@Sendable (ByteBuffer, RPCContext) throws -> ByteBuffer)
    case unary(@Sendable (ByteBuffer, RPCContext) async throws -> ByteBuffer)
    case serverStream(@Sendable (ByteBuffer, RPCContext, CallHandle) async throws -> Void)
    case bidirectional(@Sendable (RequestQueue, RPCContext, CallHandle) async throws -> Void)

    var requests: CallStateMachine.Requests {
        switch self {
        case .immediate, .unary, .serverStream: .one
        case .bidirectional: .many
        }
    }

    /// The same handler behind checks that may wait.
    func checked(by checks: [Check]) -> CallHandler {
        guard !checks.isEmpty else { return self }
        @Sendable func check(_ context: RPCContext) async throws {
            for check in checks { try await check(context) }
        }
        switch self {
        case .immediate(let handler):
            return .unary { request, context in
                try await check(context)
                return try handler(request, context)
            }
        case .unary(let handler):
            return .unary { request, context in
                try await check(context)
                return try await handler(request, context)
            }
        case .serverStream(let handler):
            return .serverStream { request, context, call in
                try await check(context)
                try await handler(request, context, call)
            }
        case .bidirectional(let handler):
            return .bidirectional { requests, context, call in
                try await check(context)
                try await handler(requests, context, call)
            }
        }
    }
}
