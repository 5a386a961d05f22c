public import FoundationEssentials
public import SPIFFE

/// Something that is not to be accepted any more, and until when that has to be remembered.
public struct Revocation: Hashable, Sendable {
    /// The longest `jti` and `kid` that can be revoked, in bytes.
    public static let maxTextBytes = AccessTokenClaims.maxTextBytes

    /// What is revoked.
    public enum Target: Hashable, Sendable {
        /// One access token, by its `jti`.
        case token(String)
        /// Every token of a SPIFFE ID with `iat` not after the revocation, and its X.509-SVIDs issued until then.
        case subject(SPIFFEID)
        /// One X.509-SVID, by its serial number in lower-case hexadecimal without leading zeros.
        case certificate(String)
        /// One signing key of access tokens, by its `kid`.
        case key(String)
    }

    public let target: Target
    /// When it was revoked.
    public let revokedAt: Date
    /// When nothing that it revokes is valid any more, so that it can be forgotten.
    public let expiresAt: Date

    public init(_ target: Target, revokedAt: Date, expiresAt: Date) {
        self.target = target
        self.revokedAt = revokedAt
        self.expiresAt = expiresAt
    }
}

extension Revocation {
    /// A moment that came from elsewhere, in seconds since 1970.
    package static func checked(_ seconds: Int64, _ name: String) throws(TokenStateError) -> Date {
        guard let moment = Date(wireSeconds: seconds) else { throw .malformed(name) }
        return moment
    }

    /// A `jti`, `kid` or serial number that came from elsewhere.
    package static func checked(_ text: String) throws(TokenStateError) -> String {
        guard (1...self.maxTextBytes).contains(text.utf8.count) else { throw .malformed("target") }
        return text
    }
}

extension Revocation.Target: CustomStringConvertible {
    public var description: String {
        switch self {
        case .token(let tokenID): "the token \(String(reflecting: tokenID))"
        case .subject(let id): "what \(id) had"
        case .certificate(let serial): "the certificate \(serial)"
        case .key(let keyID): "the signing key \(String(reflecting: keyID))"
        }
    }
}
