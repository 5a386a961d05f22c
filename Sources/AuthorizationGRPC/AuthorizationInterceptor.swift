public import AccessTokens
public import GRPCCore
import SPIFFE
import SPIFFEGRPC
public import ServiceAuthorization
import Synchronization

/// Lets only those calls begin whose token is right, and ends those whose token ceases to be.
///
/// ```swift
/// let authorization = AuthorizationInterceptor(
///     validator: validator,
///     rules: [Payments.Method.Create.descriptor: RouteRule(.all(ScopeSet(literal: ["payments:create"])))],
///     exempt: [Health.Method.Check.descriptor])
/// let server = GRPCServer(
///     transport: .spiffe(address: address, source: identity, policy: policy), services: services,
///     interceptors: [authorization])
/// ```
///
/// A method without a rule refuses every call. UNAUTHENTICATED, PERMISSION_DENIED and UNAVAILABLE carry a
/// `google.rpc.ErrorInfo` with the name of the reason. The token at hand is ``AuthorizedCall/accessToken``.
///
/// Each message of a stream is let through only while the token is in force, in both directions, but the first of a
/// response: what a method has done it also says. A response that goes on ends within a second after its token does,
/// whether messages pass or not; the task of its handler is cancelled. A stream of requests alone ends with its next
/// message.
public struct AuthorizationInterceptor: ServerInterceptor {
    private let validator: TokenValidator
    private let rules: [MethodDescriptor: RouteRule]
    private let exempt: Set<MethodDescriptor>

    /// - Parameters:
    ///   - validator: Judges the tokens.
    ///   - rules: What each method demands.
    ///   - exempt: Methods that demand nothing, each named by itself; a method with a rule is never exempt.
    public init(
        validator: TokenValidator, rules: [MethodDescriptor: RouteRule], exempt: Set<MethodDescriptor> = []
    ) {
        self.validator = validator
        self.rules = rules
        self.exempt = exempt.subtracting(rules.keys)
    }

    public func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>, context: ServerContext,
        next:
            @concurrent @Sendable (StreamingServerRequest<Input>, ServerContext) async throws ->
            StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let method = context.descriptor
        if self.exempt.contains(method) { return try await next(request, context) }
        let rule = self.rules[method]
        // gRPC passes on every method that is called; only those that are known are named in records.
        let route = rule == nil ? "no route" : method.fullyQualifiedMethod
        let peer = context.spiffePeer.map(TokenPeer.init)
        let token: AccessToken?
        do {
            token = try self.validator.validate(
                authorization: Array(request.metadata[stringValues: "authorization"]), from: peer, by: rule,
                route: route)
        } catch {
            throw RPCError(error)
        }
        guard let token, let peer, let rule else { return try await next(request, context) }

        let validator = self.validator
        let stillValid: @Sendable () throws -> Void = {
            do throws(TokenRefusal) {
                try validator.validateAgain(token, from: peer, by: rule, route: route)
            } catch {
                throw RPCError(error)
            }
        }
        var request = request
        request.messages = RPCAsyncSequence(
            wrapping: request.messages.map { message in
                try stillValid()
                return message
            })
        let checked = request
        let response = try await AuthorizedCall.$accessToken.withValue(token) { try await next(checked, context) }
        return response.producing(as: token, while: stillValid) {
            throw RPCError(try await validator.refusal(of: token, from: peer, by: rule, route: route))
        }
    }
}

/// What is known of the call that this task handles.
public enum AuthorizedCall {
    /// The validated token; nil outside of any call, on exempt methods, and where a rule only observes and would have
    /// refused.
    @TaskLocal public static var accessToken: AccessToken?
}

extension StreamingServerResponse {
    /// The same response, whose messages are written in the name of a token and while that holds.
    ///
    /// - Parameter end: Throws once it does not hold any more, or is cancelled.
    fileprivate func producing(
        as token: AccessToken, while stillValid: @escaping @Sendable () throws -> Void,
        until end: @escaping @Sendable () async throws -> Never
    ) -> Self {
        guard case .success(var contents) = self.accepted else { return self }
        let produce = contents.producer
        contents.producer = { writer in
            let checked = CheckedWriter(writer: writer, stillValid: stillValid)
            return try await AuthorizedCall.$accessToken.withValue(token) {
                try await withThrowingTaskGroup(of: Metadata.self) { group in
                    group.addTask { try await produce(RPCWriter(wrapping: checked)) }
                    group.addTask { try await end() }
                    defer { group.cancelAll() }
                    guard let metadata = try await group.next() else { throw CancellationError() }
                    return metadata
                }
            }
        }
        return Self(accepted: .success(contents))
    }
}

/// Writes the first message, and all others while a token holds.
private final class CheckedWriter<Element: Sendable>: RPCWriterProtocol {
    private let writer: RPCWriter<Element>
    private let stillValid: @Sendable () throws -> Void
    private let hasWritten = Atomic(false)

    init(writer: RPCWriter<Element>, stillValid: @escaping @Sendable () throws -> Void) {
        self.writer = writer
        self.stillValid = stillValid
    }

    func write(_ element: Element) async throws {
        if self.hasWritten.exchange(true, ordering: .relaxed) { try self.stillValid() }
        try await self.writer.write(element)
    }

    func write(contentsOf elements: some Sequence<Element>) async throws {
        for element in elements { try await self.write(element) }
    }
}
