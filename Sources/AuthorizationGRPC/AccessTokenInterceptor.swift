import AccessTokens
public import GRPCCore
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
            throw RPCError(
                code: error.isTokenDenial ? .permissionDenied : .unavailable,
                message: "there is no token for \(self.request.audience)", cause: error)
        }
        var request = request
        request.metadata.replaceOrAddString(token.authorization, forKey: "authorization")
        var response = try await next(request, context)
        let notice: @Sendable (any Error) -> Void = { [tokens, wanted = self.request] error in
            if (error as? RPCError)?.refusesAccessToken == true { tokens.refused(token, for: wanted) }
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
