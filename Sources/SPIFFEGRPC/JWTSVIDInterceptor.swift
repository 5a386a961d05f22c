public import GRPCCore
public import SPIFFE

/// Sends a JWT-SVID with every call of a client, as the one `authorization` of its metadata (JWT-SVID §5).
///
/// ```swift
/// let client = GRPCClient(
///     transport: try .spiffe(target: gateway, source: identity, policy: .exactly(gatewayID)),
///     interceptors: [JWTSVIDInterceptor { try await tokens.token(for: ["spiffe://example.org/reports"]) }])
/// ```
///
/// An interceptor cannot see the transport: it is for those with TLS, or within a machine. A server takes the token out
/// with `BearerToken.token(authorization: Array(request.metadata[stringValues: "authorization"]))`.
public struct JWTSVIDInterceptor: ClientInterceptor {
    private let token: @Sendable () async throws -> JWTSVID

    /// - Parameter token: Asked at every call: what keeps tokens until half of their life has passed is `JWTSource`.
    public init(_ token: @escaping @Sendable () async throws -> JWTSVID) {
        self.token = token
    }

    /// Sends the call on with a token.
    ///
    /// Whatever `authorization` the metadata of the call has is replaced.
    ///
    /// - Throws: `RPCError` UNAVAILABLE when there is no token, with what was thrown as its cause: nothing is sent then.
    public func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: @concurrent (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        let svid: JWTSVID
        do {
            svid = try await self.token()
        } catch {
            try Task.checkCancellation()
            throw RPCError(code: .unavailable, message: "there is no JWT-SVID for the call", cause: error)
        }
        var request = request
        request.metadata.replaceOrAddString(svid.authorization, forKey: "authorization")
        return try await next(request, context)
    }
}
