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
            return Self.isToken(scheme) ? scheme : "Basic"
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ text: String) -> Bool {
        (1...Self.maxSchemeBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
