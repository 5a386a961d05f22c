import AccessTokens
public import GRPCCore
import SPIFFE
public import ServiceAuthorization

/// Sends the token for one service with every call of a client.
///
/// ```swift
/// let client = GRPCClient(
///     transport: try .spiffe(target: payments, source: identity, policy: .exactly(paymentsID)),
///     interceptors: [AccessTokenInterceptor(tokens: tokens, for: TokenRequest(audience: paymentsID.uri))])
/// ```
///
/// A client calls one service: the policy of its transport should name that one, so that nobody else gets the token.
/// Whatever `authorization` the metadata of a call has is replaced. After UNAUTHENTICATED with a reason
/// `access_token.…`, at once or in the middle of a stream, the next call brings another token; see
/// `TokenSource.refused(_:for:)`.
///
/// **Tokens that are bound to a certificate**: a client of gRPC keeps its connection through rotations of the SVID, and
/// with it the certificate that the service sees. After a rotation the calls with such a token are refused until the
/// connection ends. Give the client a `connectionAge`, or the service `binding: identity`, the default of the server.
/// Where the source of the tokens has the identity, that refusal has nothing fetched: the next token would be bound to
/// the same certificate.
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
        let (token, svid): (IssuedAccessToken, X509SVID?)
        do {
            (token, svid) = try await self.tokens.presentable(self.request)
        } catch {
            try Task.checkCancellation()
            throw RPCError(
                code: error.isTokenDenial ? .permissionDenied : .unavailable,
                message: "there is no token for \(self.request.audience)", cause: error)
        }
        var request = request
        request.metadata.replaceOrAddString(token.authorization, forKey: "authorization")
        var response = try await next(request, context)
        // It is bound to the SVID of this moment: what does not fit is the connection, which no other token mends.
        let isOfCurrentSVID = svid != nil
        let notice: @Sendable (any Error) -> Void = { [tokens, wanted = self.request] error in
            guard let reason = (error as? RPCError)?.accessTokenRefusal else { return }
            if isOfCurrentSVID, reason == AccessTokenError.certificateMismatch.label { return }
            tokens.refused(token, for: wanted)
        }
        switch response.accepted {
        case .failure(let error): notice(error)
        case .success(var contents):
            contents.bodyParts = RPCAsyncSequence(wrapping: FailureNotice(base: contents.bodyParts, notice: notice))
            response.accepted = .success(contents)
        }
        return response
    }
}

/// A sequence that tells of the error with which it ends.
private struct FailureNotice<Element: Sendable>: AsyncSequence, Sendable {
    let base: RPCAsyncSequence<Element, any Error>
    let notice: @Sendable (any Error) -> Void

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: RPCAsyncSequence<Element, any Error>.AsyncIterator
        let notice: @Sendable (any Error) -> Void

        mutating func next() async throws -> Element? { try await self.next(isolation: nil) }

        mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
            do {
                return try await self.base.next(isolation: actor)
            } catch {
                self.notice(error)
                throw error
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: self.base.makeAsyncIterator(), notice: self.notice)
    }
}
