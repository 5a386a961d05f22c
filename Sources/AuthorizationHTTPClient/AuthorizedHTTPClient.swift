import AccessTokens
public import AsyncHTTPClient
public import NIOCore
import NIOHTTP1
public import SPIFFEHTTPClient
public import ServiceAuthorization

/// Calls one service over mutual TLS, with a token for it in every request.
///
/// ```swift
/// let payments = AuthorizedHTTPClient(client, tokens: tokens, for: TokenRequest(audience: paymentsID.uri))
/// let answer = try await payments.execute(HTTPClientRequest(url: url), timeout: .seconds(5))
/// ```
///
/// The policy of the client should name the service, so that nobody else gets the token. Whatever `Authorization` a
/// request has is replaced. A token that is bound to a certificate goes out on a connection that presents that one, also
/// when the SVID is replaced meanwhile: for this the source of the tokens has the identity of the client. After a
/// response 401 `invalid_token` (RFC 6750 §3.1) the next request brings another token; see `TokenSource.refused(_:for:)`.
public struct AuthorizedHTTPClient: Sendable {
    private let client: SPIFFEHTTPClient
    private let tokens: TokenSource
    private let request: TokenRequest

    /// - Parameters:
    ///   - client: Shut down by whoever made it.
    ///   - tokens: Where the token comes from.
    ///   - request: The service and the scopes that are needed there.
    public init(_ client: SPIFFEHTTPClient, tokens: TokenSource, for request: TokenRequest) {
        self.client = client
        self.tokens = tokens
        self.request = request
    }

    /// Sends a request with a token and returns the head of its response, whose body is then read.
    ///
    /// - Parameters:
    ///   - request: What is sent, but for its `Authorization`.
    ///   - timeout: As `SPIFFEHTTPClient.execute(_:timeout:)` has it; the time for a token comes on top.
    /// - Throws: What `TokenSource.token(for:)` throws, when nothing is sent; what the client throws.
    public func execute(_ request: HTTPClientRequest, timeout: TimeAmount) async throws -> HTTPClientResponse {
        var request = request
        let (token, svid) = try await self.tokens.presentable(self.request)
        request.headers.replaceOrAdd(name: "Authorization", value: token.authorization)
        let response =
            if let svid {
                try await self.client.execute(request, timeout: timeout, presenting: svid)
            } else {
                try await self.client.execute(request, timeout: timeout)
            }
        if response.status == .unauthorized,
            response.headers["WWW-Authenticate"].contains(where: Self.saysInvalidToken)
        {
            self.tokens.refused(token, for: self.request)
        }
        return response
    }

    /// Whether a challenge has the code `invalid_token`, in quotes as in RFC 6750 §3 or without.
    private static func saysInvalidToken(_ challenge: String) -> Bool {
        challenge.contains("error=\"invalid_token\"") || challenge.contains("error=invalid_token")
    }
}
