import AccessTokens
import HTTPTypes
import SPIFFE

/// What an OAuth endpoint is asked, beside its form.
struct OAuthRequest: Sendable {
    /// The peer of the connection, where it presented a certificate.
    let peer: VerifiedX509SVID?
    /// The scheme of the `Authorization` field, in lower case; nil where there is none.
    let authorizationScheme: String?
    /// By what the client asks, as its `User-Agent` says.
    let library: ReportedLibrary

    init(_ head: HTTPRequest, peer: VerifiedX509SVID?) {
        self.peer = peer
        self.library = ReportedLibrary(head.headerFields[values: .userAgent].first ?? "")
        self.authorizationScheme = head.headerFields[values: .authorization].first.map {
            String($0.prefix { $0 != " " }).lowercased()
        }
    }
}
