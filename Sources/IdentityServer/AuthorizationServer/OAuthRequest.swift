import AccessTokens
import HTTPTypes
import SPIFFE

/// What an OAuth endpoint is asked, beside its form.
struct OAuthRequest: Sendable {
    /// The longest scheme that is repeated.
    private static let maxSchemeBytes = 64

    /// The peer of the connection, where it presented a certificate.
    let peer: VerifiedX509SVID?
    /// The scheme of the `Authorization` field, as the client wrote it; `Basic` where that is none, nil without the field.
    let authorizationScheme: String?
    /// By what the client asks, as its `User-Agent` says.
    let library: ReportedLibrary

    init(_ head: HTTPRequest, peer: VerifiedX509SVID?) {
        self.peer = peer
        self.library = ReportedLibrary(head.headerFields[values: .userAgent].first ?? "")
        self.authorizationScheme = head.headerFields[values: .authorization].first.map {
            let scheme = String($0.prefix { $0 != " " })
            return scheme.utf8.count <= Self.maxSchemeBytes && HTTPToken.isToken(scheme) ? scheme : "Basic"
        }
    }
}
