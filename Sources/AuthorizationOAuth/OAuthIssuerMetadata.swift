import FoundationEssentials
import JOSE

/// What an issuer says of itself (RFC 8414): where the endpoints are that are used here, all of them `https`.
public struct OAuthIssuerMetadata: Hashable, Sendable {
    /// The longest document that is read, in bytes.
    public static let maxBytes = 65_536
    /// The longest URL that is taken, in bytes.
    public static let maxURLBytes = 2_048
    static let wellKnownPath = "/.well-known/oauth-authorization-server"

    /// As in the `iss` of its tokens.
    public let issuer: String
    public let tokenEndpoint: String
    public let jwksURI: String
    /// The token endpoint for clients that present a certificate (RFC 8705 §5): ``tokenEndpoint`` where no other is named.
    public let mutualTLSTokenEndpoint: String

    /// Reads the document of an issuer.
    ///
    /// - Throws: ``OAuthClientError``: `.issuerMismatch` when it is that of another one (RFC 8414 §3.3), byte by byte;
    ///   `.endpointNotHTTPS` and `.malformedMember` with the name of the member; `.malformedAnswer`.
    public init(parsing document: [UInt8], issuer: String) throws(OAuthClientError) {
        guard let members = (try? JSON.parse(document, maxBytes: Self.maxBytes))?.object else { throw .malformedAnswer }
        guard let found = members["issuer"]?.string else { throw .malformedMember("issuer") }
        guard found.utf8.elementsEqual(issuer.utf8) else { throw .issuerMismatch }
        self.issuer = issuer
        self.tokenEndpoint = try Self.required("token_endpoint", members)
        self.jwksURI = try Self.required("jwks_uri", members)
        let aliases: JSONObject
        switch members["mtls_endpoint_aliases"] {
        case nil: aliases = [:]
        case .object(let object)?: aliases = object
        default: throw .malformedMember("mtls_endpoint_aliases")
        }
        self.mutualTLSTokenEndpoint = try Self.endpoint("token_endpoint", aliases) ?? self.tokenEndpoint
    }

    /// Where the document of an issuer is: the path of the issuer comes behind the well-known one (RFC 8414 §3.1).
    ///
    /// - Throws: ``OAuthClientError/notHTTPS``, and `.malformedMember("issuer")` for an issuer with a query or a
    ///   fragment, which there is none of (§2).
    public static func url(of issuer: String) throws(OAuthClientError) -> String {
        guard let rest = self.afterScheme(issuer) else { throw .notHTTPS }
        guard self.isURL(issuer), !issuer.utf8.contains(UInt8(ascii: "?")) else { throw .malformedMember("issuer") }
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        if path.hasSuffix("/") { path.removeLast() }
        return "https://\(authority)\(self.wellKnownPath)\(path)"
    }

    private static func required(_ name: String, _ members: JSONObject) throws(OAuthClientError) -> String {
        guard let url = try self.endpoint(name, members) else { throw .malformedMember(name) }
        return url
    }

    private static func endpoint(_ name: String, _ members: JSONObject) throws(OAuthClientError) -> String? {
        guard let member = members[name] else { return nil }
        guard let url = member.string, self.isURL(url) else { throw .malformedMember(name) }
        guard self.afterScheme(url) != nil else { throw .endpointNotHTTPS(name) }
        return url
    }

    /// Whether a text can be a URL without a fragment: visible ASCII, not too long.
    private static func isURL(_ text: String) -> Bool {
        (1...self.maxURLBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
    }

    /// What follows the scheme of an `https` URL with a host and without a user; nil for others.
    private static func afterScheme(_ url: String) -> Substring? {
        guard url.utf8.prefix(8).elementsEqual("https://".utf8) else { return nil }
        let rest = url.dropFirst(8)
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.isEmpty, !authority.hasPrefix(":"), !authority.contains("@") else { return nil }
        return rest
    }
}
