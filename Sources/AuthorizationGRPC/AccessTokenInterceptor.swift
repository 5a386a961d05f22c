import AccessTokens
public import GRPCCore
public import ServiceAuthorization
import WorkloadAPI

/// Sends the token for one service with every call of a client.
///
/// ```swift
/// let client = GRPCClient(
///     transport: try .spiffe(target: payments, source: identity, policy: .exactly(paymentsID)),
///     interceptors: [AccessTokenInterceptor(tokens: tokens, for: TokenRequest(audience: paymentsID.uri))])
/// ```
///
/// A client calls one service: the policy of its transport should name that one, so that nobody else gets the token.
/// Whatever `authorization` the metadata of a call has is replaced.
public struct AccessTokenInterceptor: ClientInterceptor {
    private let tokens: TokenSource
    private let request: TokenRequest

    public init(tokens: TokenSource, for request: TokenRequest) {
        self.tokens = tokens
        self.request = request
    }

    /// Sends the call on with a token.
    ///
    /// - Throws: `RPCError`, PERMISSION_DENIED or UNAVAILABLE, when there is none: nothing is sent then.
    public func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: @concurrent (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        let token: IssuedAccessToken
        do {
            token = try await self.tokens.token(for: self.request)
        } catch {
            try Task.checkCancellation()
            throw RPCError(code: error.code, message: "there is no token for \(self.request.audience)", cause: error)
        }
        var request = request
        request.metadata.replaceOrAddString(token.authorization, forKey: "authorization")
        return try await next(request, context)
    }
}

extension Error {
    fileprivate var code: RPCError.Code {
        switch self as? WorkloadAPIError {
        case .permissionDenied, .invalidArgument, .unimplemented: .permissionDenied
        default: (self as? any TokenIssuerError)?.isDenial == true ? .permissionDenied : .unavailable
        }
    }
}
