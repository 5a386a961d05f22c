public import FoundationEssentials
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
    /// SHA-256 of that certificate, as the token says it; nil where it is not bound.
    ///
    /// Of a bound token that cannot be read: of the certificate that was presented for it, as far as that is known.
    public let certificateSHA256: [UInt8]?

    /// - Parameter presented: SHA-256 of the certificate for which it was asked. Default: not known.
    package init(
        token: String, audience: String, scopes: ScopeSet, spiffeID: SPIFFEID, issuedAt: Date, expiresAt: Date,
        isCertificateBound: Bool, presented: [UInt8]? = nil
    ) {
        self.token = token
        self.audience = audience
        self.scopes = scopes
        self.spiffeID = spiffeID
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.isCertificateBound = isCertificateBound
        self.certificateSHA256 = isCertificateBound ? OwnTokenContents(token)?.certificateSHA256 ?? presented : nil
    }

    /// The same token; what it does not say of its certificate is that of the one that was presented.
    package init(_ token: IssuedAccessToken, presented: [UInt8]?) {
        self.init(
            token: token.token, audience: token.audience, scopes: token.scopes, spiffeID: token.spiffeID,
            issuedAt: token.issuedAt, expiresAt: token.expiresAt, isCertificateBound: token.isCertificateBound,
            presented: token.certificateSHA256 ?? presented)
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
