package import AccessTokens
package import FoundationEssentials
package import JOSE
import Registration
package import SPIFFE

/// What an access token says (RFC 9068 §2.2); its `client_id` is its `sub`: there is no other party.
package struct AccessTokenContent: Hashable, Sendable {
    /// The media type of such tokens, as their header has it (RFC 9068 §2.1).
    package static let type = "at+jwt"

    package let issuer: String
    package let subject: SPIFFEID
    package let audience: AudienceURI
    package let scopes: ScopeSet
    /// The `jti`.
    package let id: String
    /// Whole seconds.
    package let issuedAt: Date
    package let expiresAt: Date
    /// SHA-256 of the certificate that the token is bound to (RFC 8705 §3.1); nil binds it to the subject alone.
    package let certificateSHA256: [UInt8]?

    /// - Parameter lifetime: Whole seconds, 1 or more.
    package init(
        issuer: String, subject: SPIFFEID, audience: AudienceURI, scopes: ScopeSet, lifetime: Duration,
        certificateSHA256: [UInt8]? = nil, now: Date
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.scopes = scopes
        self.id = Self.randomID()
        self.issuedAt = now.wholeSeconds
        self.expiresAt = now.wholeSeconds.addingTimeInterval(TimeInterval(lifetime.components.seconds))
        self.certificateSHA256 = certificateSHA256
    }

    /// The claims in the order in which they are written.
    package var claims: JSONObject {
        var claims: JSONObject = [
            "iss": .string(self.issuer), "sub": .string(self.subject.uri), "aud": .string(self.audience.text),
            "client_id": .string(self.subject.uri), "scope": .string(self.scopes.text), "jti": .string(self.id),
            "iat": .number(JSONNumber(self.issuedAt.unixSeconds)),
            "exp": .number(JSONNumber(self.expiresAt.unixSeconds)),
        ]
        if let certificateSHA256 {
            claims["cnf"] = .object(["x5t#S256": .string(Base64URL.encode(certificateSHA256))])
        }
        return claims
    }

    /// Signs the token.
    ///
    /// - Parameter sign: Signs the bytes it is given with the key of `keyID`, as JWS does for `algorithm`.
    package func signed<Failure: Error>(
        keyID: String, algorithm: SignatureAlgorithm, _ sign: (_ signingInput: [UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> String {
        try JWSSigning.compactSynchronously(
            header: ["alg": .string(algorithm.rawValue), "kid": .string(keyID), "typ": .string(Self.type)],
            claims: self.claims, sign: sign)
    }

    /// 128 random bits in 22 characters, not beginning with `-`: a token is named on command lines, to revoke it.
    private static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        while true {
            let words = [generator.next(), generator.next()]
            let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
            let id = Base64URL.encode(bytes)
            if !id.hasPrefix("-") { return id }
        }
    }
}
