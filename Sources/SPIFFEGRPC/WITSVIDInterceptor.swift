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
/// The target of a call is the origin and the path of its method. A proof covers the bearer token in the `authorization`
/// of the call's metadata and the transaction token in its `txn-token`, so an interceptor that sets one of them comes
/// before this. It is for transports with TLS.
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
    /// - Throws: `RPCError`, and nothing is sent then: UNAVAILABLE when there is nothing to present, with what was thrown
    ///   as its cause; FAILED_PRECONDITION when the origin is not of `https`.
    public func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: @concurrent (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        var request = request
        let scope = try self.scope(of: request.metadata, context.descriptor)
        let tokens: WITPresentation
        do {
            tokens = try await self.presentation(scope)
        } catch {
            try Task.checkCancellation()
            throw RPCError(code: .unavailable, message: "there is no WIT-SVID for the call", cause: error)
        }
        request.metadata.replaceOrAddString(tokens.identityToken, forKey: Metadata.identityTokenKey)
        request.metadata.replaceOrAddString(tokens.proofToken, forKey: Metadata.proofTokenKey)
        return try await next(request, context)
    }

    private func scope(of metadata: Metadata, _ method: MethodDescriptor) throws(RPCError) -> WorkloadProofScope {
        do {
            return try WorkloadProofScope(
                target: "\(self.origin)/\(method.fullyQualifiedMethod)", authorization: metadata.authorization,
                transactionTokens: metadata.transactionTokens)
        } catch {
            throw RPCError(
                code: .failedPrecondition, message: "no WIT-SVID is for calls of this origin", cause: error)
        }
    }
}

extension Metadata {
    fileprivate static let identityTokenKey = WITPresentation.identityTokenField.lowercased()
    fileprivate static let proofTokenKey = WITPresentation.proofTokenField.lowercased()
    private static let transactionTokenKey = WITPresentation.transactionTokenField.lowercased()

    fileprivate var authorization: [String] { Array(self[stringValues: "authorization"]) }
    fileprivate var transactionTokens: [String] { Array(self[stringValues: Self.transactionTokenKey]) }

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
            authorization: self.authorization, transactionTokens: self.transactionTokens)
    }
}
