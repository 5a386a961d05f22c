public import FoundationEssentials
import JOSE
public import SPIFFE

/// An access token of one's own, to be sent to the service it is for and to nobody else.
public struct IssuedAccessToken: Sendable {
    /// The longest token that is taken from an agent, in bytes.
    public static let maxTokenBytes = 16_384

    /// The token in compact serialization.
    ///
    /// Secret: whoever has it and the identity it is bound to may call the audience.
    public let token: String
    /// The `aud`: the service that may be called.
    public let audience: String
    /// What the token allows there.
    public let scopes: ScopeSet
    /// The `sub`: the identity with which the service must be called.
    public let spiffeID: SPIFFEID
    public let issuedAt: Date
    public let expiresAt: Date
    /// Whether the token is bound to the X.509-SVID that was in force when it was fetched.
    public let isCertificateBound: Bool
    /// SHA-256 of that certificate, as the token says it; nil where it is not bound, or cannot be read.
    public package(set) var certificateSHA256: [UInt8]?

    package init(
        token: String, audience: String, scopes: ScopeSet, spiffeID: SPIFFEID, issuedAt: Date, expiresAt: Date,
        isCertificateBound: Bool
    ) {
        self.token = token
        self.audience = audience
        self.scopes = scopes
        self.spiffeID = spiffeID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.isCertificateBound = isCertificateBound
        self.certificateSHA256 = isCertificateBound ? Self.thumbprint(in: token) : nil
    }

    /// The `cnf` of a token that can be read; only the issuer, on its own connection, says so.
    private static func thumbprint(in token: String) -> [UInt8]? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = try? Base64URL.decode(parts[1]),
            let claims = (try? JSON.parse(payload, maxBytes: Self.maxTokenBytes))?.object,
            let text = claims["cnf"]?.object?[AccessTokenClaims.thumbprintMember]?.string,
            let hash = try? Base64URL.decode(Array(text.utf8)), hash.count == 32
        else { return nil }
        return hash
    }

    /// The value of an `Authorization` header (RFC 6750 §2.1).
    public var authorization: String { "Bearer " + self.token }
}

// A token is a credential and must not reach a log.
extension IssuedAccessToken: CustomStringConvertible, CustomReflectable {
    public var description: String { "IssuedAccessToken(\(self.spiffeID) for \(self.audience), token: <redacted>)" }
    public var customMirror: Mirror {
        Mirror(self, children: ["audience": self.audience, "scopes": self.scopes, "expiresAt": self.expiresAt])
    }
}
