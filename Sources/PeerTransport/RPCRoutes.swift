package import GRPCCore
import NIOCore
package import ProtoRPC
import SwiftProtobuf

/// Which handler answers which method.
///
/// Handlers throw `RPCError` (or anything convertible to it) to answer with a status; any other error is answered INTERNAL
/// and logged. A handler's task is cancelled when the client cancels the call, its deadline passes or the connection ends.
package struct RPCRoutes: Sendable {
    private var handlers: [String: (service: String, handler: CallHandler)] = [:]
    private var checks: [String: ServiceChecks] = [:]

    package init() {}

    /// The services that have a handler, sorted.
    package var services: [String] {
        Set(self.handlers.values.map(\.service)).sorted()
    }

    /// Answers one request with one response, in a task of its own.
    package mutating func unary<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler: @escaping @Sendable (_ request: Input, _ context: RPCContext) async throws -> Output
    ) {
        self.add(method, .unary { try await handler(Input(decoding: $0), $1).framed() })
    }

    /// Answers one request with one response on the event loop of the connection.
    ///
    /// For what is answered from memory: a handler that blocks, or computes for long, holds up all connections of its
    /// event loop.
    package mutating func immediate<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler: @escaping @Sendable (_ request: Input, _ context: RPCContext) throws -> Output
    ) {
        self.add(method, .immediate { try handler(Input(decoding: $0), $1).framed() })
    }

    /// Answers one request with a stream of responses, which ends when the handler returns.
    ///
    /// `write` suspends while the client does not read.
    package mutating func serverStream<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler:
            @escaping @Sendable (_ request: Input, _ context: RPCContext, _ responses: RPCWriter<Output>) async throws
            -> Void
    ) {
        self.add(
            method,
            .serverStream { request, context, call in
                try await handler(Input(decoding: request), context, RPCWriter(wrapping: ResponseWriter(call: call)))
            })
    }

    /// Answers a stream of requests with a stream of responses, which ends when the handler returns.
    package mutating func bidirectional<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler:
            @escaping @Sendable (_ requests: RPCRequests<Input>, _ context: RPCContext, _ responses: RPCWriter<Output>)
            async throws -> Void
    ) {
        self.add(
            method,
            .bidirectional { queue, context, call in
                try await handler(
                    RPCRequests(queue: queue, call: call), context, RPCWriter(wrapping: ResponseWriter(call: call)))
            })
    }

    /// Checks every call of a service on the event loop before its handler runs, whatever the order of registration.
    package mutating func intercept(
        _ service: String, _ check: @escaping @Sendable (_ context: RPCContext) throws -> Void
    ) {
        self.checks[service, default: ServiceChecks()].immediate.append(check)
    }

    /// Checks every call of a service in the task of the call; its immediate handlers then run in a task too.
    package mutating func intercept(
        _ service: String, _ check: @escaping @Sendable (_ context: RPCContext) async throws -> Void
    ) {
        self.checks[service, default: ServiceChecks()].waiting.append(check)
    }

    private mutating func add<Input, Output>(_ method: RPCMethod<Input, Output>, _ handler: CallHandler) {
        self.handlers[method.path] = (method.service, handler)
    }

    /// The table that connections look methods up in.
    func resolved() -> [String: Route] {
        self.handlers.mapValues { entry in
            let checks = self.checks[entry.service] ?? ServiceChecks()
            return Route(checks: checks.immediate, handler: entry.handler.checked(by: checks.waiting))
        }
    }
}

/// What runs before every handler of a service.
private struct ServiceChecks: Sendable {
    var immediate: [@Sendable (RPCContext) throws -> Void] = []
    var waiting: [@Sendable (RPCContext) async throws -> Void] = []
}
