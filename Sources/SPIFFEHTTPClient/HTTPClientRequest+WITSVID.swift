public import AsyncHTTPClient
import NIOHTTP1
public import SPIFFE

extension HTTPClientRequest {
    /// Sends a WIT-SVID along, with a proof for this request; for any client, and last of all that is set.
    ///
    /// ```swift
    /// var request = HTTPClientRequest(url: "https://reports.example.org/a")
    /// try request.present { try source.presentation(for: $0) }
    /// ```
    ///
    /// The proof is for the URL of the request, and covers the bearer token in its `Authorization` and the transaction
    /// token in its `Txn-Token`, where there are any. It is good for half a minute: a request that is sent again needs a
    /// new one.
    ///
    /// - Parameter presentation: Makes what is sent.
    /// - Throws: What `presentation` throws; `WITPresentationError.insecureTarget` for a URL that is not of `https`
    ///   (WIT-SVID §7).
    public mutating func present(_ presentation: (WorkloadProofScope) throws -> WITPresentation) throws {
        let scope = try WorkloadProofScope(
            target: Self.withPath(self.url), authorization: self.headers["Authorization"],
            transactionTokens: self.headers[WITPresentation.transactionTokenField])
        let tokens = try presentation(scope)
        self.headers.replaceOrAdd(name: WITPresentation.identityTokenField, value: tokens.identityToken)
        self.headers.replaceOrAdd(name: WITPresentation.proofTokenField, value: tokens.proofToken)
    }

    /// The URL with the path that is requested where it has none: a slash.
    private static func withPath(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let rest = url[authority.endIndex...]
        return rest.hasPrefix("/") ? url : "\(url[..<authority.endIndex])/\(rest)"
    }
}
