import GRPCCore
import Logging
import NodeAttestation
import PeerTransport
import ProtoRPC
import Registration
import SwiftProtobuf

/// A call that was found to be allowed.
struct Call: Sendable {
    let caller: Caller
    let context: RPCContext
}

/// The methods of the control plane, each behind the question whether its caller may call it.
struct ControlPlaneRoutes {
    private(set) var routes = RPCRoutes()
    private let accessControl: AccessControl

    init(accessControl: AccessControl) {
        self.accessControl = accessControl
    }

    mutating func unary<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler: @escaping @Sendable (Input, Call) async throws -> Output
    ) {
        let accessControl = self.accessControl
        self.routes.unary(method) { request, context in
            try await Self.answering(context) {
                try await handler(request, Call(caller: accessControl.caller(of: context), context: context))
            }
        }
    }

    mutating func serverStream<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler: @escaping @Sendable (Input, Call, RPCWriter<Output>) async throws -> Void
    ) {
        let accessControl = self.accessControl
        self.routes.serverStream(method) { request, context, writer in
            try await Self.answering(context) {
                try await handler(request, Call(caller: accessControl.caller(of: context), context: context), writer)
            }
        }
    }

    mutating func bidirectional<Input, Output>(
        _ method: RPCMethod<Input, Output>,
        _ handler:
            @escaping @Sendable (RPCRequests<Input>, Call, RPCWriter<Output>) async throws -> Void
    ) {
        let accessControl = self.accessControl
        self.routes.bidirectional(method) { requests, context, writer in
            try await Self.answering(context) {
                try await handler(requests, Call(caller: accessControl.caller(of: context), context: context), writer)
            }
        }
    }

    /// Runs a handler; where the store fails under it, the call ends with UNAVAILABLE.
    private static func answering<Output>(
        _ context: RPCContext, _ body: () async throws -> Output
    ) async throws -> Output {
        do {
            return try await body()
        } catch {
            guard let failure = StoreFailure(in: error) else { throw error }
            context.logger.debug("call failed by the store", metadata: [LogKey.error: "\(failure)"])
            throw RPCError(failure)
        }
    }
}

extension Call {
    /// The agent that calls, in methods that only agents may call.
    var agent: AttestedAgent {
        get throws {
            guard case .agent(let agent) = self.caller else {
                throw RPCError(denied: self.context.path, nil)
            }
            return agent
        }
    }
}
