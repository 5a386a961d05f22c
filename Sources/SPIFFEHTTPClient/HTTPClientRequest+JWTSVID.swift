public import AsyncHTTPClient
import NIOHTTP1
public import SPIFFE

extension HTTPClientRequest {
    /// Sends a JWT-SVID along, in the one `Authorization` field of the request (JWT-SVID §5).
    ///
    /// For any client: with the token the sender is known where TLS ends before the service does.
    ///
    /// ```swift
    /// var request = HTTPClientRequest(url: "https://reports.example.org/a")
    /// try request.authorize(with: try await tokens.token(for: ["spiffe://example.org/reports"]))
    /// ```
    ///
    /// - Throws: `BearerTokenError.insecureTarget` where others could read the token on its way: for `http` to another
    ///   machine.
    public mutating func authorize(with svid: JWTSVID) throws {
        self.headers.replaceOrAdd(name: "Authorization", value: try svid.authorization(for: self.url))
    }
}
