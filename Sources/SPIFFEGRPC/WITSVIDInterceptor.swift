public import GRPCCore
public import SPIFFE

/// Sends a WIT-SVID with every call of a client, with a proof for this call.
///
/// ```swift
/// let client = GRPCClient(
///     transport: try .spiffe(target: gateway, source: identity, policy: .exactly(gatewayID)),
///     interceptors: [WITSVIDInterceptor(origin: "https://reports.example.org") { try source.presentation(for: $0) }])
/// ```
///
/// The target of a call is the origin and the path of its method. A proof covers the bearer token in the metadata of the
/// call, so an interceptor that sets one comes before this. It is for transports with TLS.
public struct WITSVIDInterceptor: ClientInterceptor {
    private let origin: String
    private let presentation: @Sendable (WorkloadProofScope) async throws -> WITPresentation

    /// - Parameters:
    ///   - origin: What the service calls itself: `https`, a host, and a port where it is not 443; no slash at the end.
    ///   - presentation: Makes what is sent; asked at every call.
    public init(
        origin: String, _ presentation: @escaping @Sendable (WorkloadProofScope) async throws -> WITPresentation
    ) {
        self.origin = origin
        self.presentation = presentation
    }

    /// Sends the call on with token and proof.
    ///
    /// - Throws: `RPCError` UNAUTHENTICATED when there is nothing to present: nothing is sent then.
    public func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: @concurrent (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        var request = request
        let tokens: WITPresentation
        do {
            let authorization = Array(request.metadata[stringValues: "authorization"])
            let scope = try WorkloadProofScope(
                target: "\(self.origin)/\(context.descriptor.fullyQualifiedMethod)",
                accessToken: try? BearerToken.token(authorization: authorization))
            tokens = try await self.presentation(scope)
        } catch {
            try Task.checkCancellation()
            throw RPCError(code: .unauthenticated, message: "there is no WIT-SVID for the call", cause: error)
        }
        request.metadata.replaceOrAddString(tokens.identityToken, forKey: Metadata.identityTokenKey)
        request.metadata.replaceOrAddString(tokens.proofToken, forKey: Metadata.proofTokenKey)
        return try await next(request, context)
    }
}

extension Metadata {
    fileprivate static let identityTokenKey = WITPresentation.identityTokenField.lowercased()
    fileprivate static let proofTokenKey = WITPresentation.proofTokenField.lowercased()

    /// The WIT-SVID that a call brought, and its proof; nil when it brought none.
    ///
    /// ```swift
    /// let caller = try request.metadata.witPresentation?.validate(
    ///     target: "https://reports.example.org/\(context.descriptor.fullyQualifiedMethod)",
    ///     bundles: try source.bundles(), now: Date())
    /// ```
    ///
    /// What stands in `authorization` is no WIT-SVID, whatever it is (WIT-SVID §5).
    public var witPresentation: UnverifiedWITPresentation? {
        UnverifiedWITPresentation(
            identityTokens: Array(self[stringValues: Self.identityTokenKey]),
            proofTokens: Array(self[stringValues: Self.proofTokenKey]),
            authorization: Array(self[stringValues: "authorization"]))
    }
}
