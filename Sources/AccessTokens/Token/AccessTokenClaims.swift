public import FoundationEssentials
package import JOSE
public import SPIFFE

/// What an access token says (RFC 9068 §2.2), with `sub` and `client_id` the SPIFFE ID of the caller.
public struct AccessTokenClaims: Hashable, Sendable {
    /// The longest `iss`, `aud` and `jti`, in bytes.
    public static let maxTextBytes = 2_048
    /// The member of `cnf` that holds the thumbprint of a certificate (RFC 8705 §3.1).
    static let thumbprintMember = "x5t#S256"
    /// 9999-12-31T23:59:59Z; nothing that formats or compares dates has to think about later ones.
    private static let latestDate = 253_402_300_799.0

    /// The `iss`.
    public let issuer: String
    /// The `sub` and `client_id`: who calls.
    public let subject: SPIFFEID
    /// The `aud`: the one service that is called.
    public let audience: String
    /// What the caller may do there.
    public let scopes: ScopeSet
    /// The `iat`.
    public let issuedAt: Date
    /// The `nbf`, where there is one.
    public let notBefore: Date?
    /// The `exp`: the moment from which the token is refused.
    public let expiresAt: Date
    /// The `jti`: by it the token is revoked, and found in every record.
    public let tokenID: String
    /// SHA-256 of the certificate that the token is bound to (`cnf` with `x5t#S256`); nil when it is bound to the SPIFFE
    /// ID alone.
    public let certificateSHA256: [UInt8]?

    /// Puts together what a token is to say.
    package init(
        issuer: String, subject: SPIFFEID, audience: String, scopes: ScopeSet, issuedAt: Date, expiresAt: Date,
        tokenID: String, certificateSHA256: [UInt8]? = nil
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.scopes = scopes
        self.issuedAt = issuedAt
        self.notBefore = nil
        self.expiresAt = expiresAt
        self.tokenID = tokenID
        self.certificateSHA256 = certificateSHA256
    }

    /// Reads the claims of a token.
    ///
    /// - Throws: What is missing or malformed, and what contradicts itself; nothing is compared with an expectation.
    package init(_ claims: JSONObject) throws(AccessTokenError) {
        self.issuer = try Self.text("iss", of: claims)
        self.audience = try Self.audience(of: claims)
        let subject = try Self.text("sub", of: claims)
        do { self.subject = try SPIFFEID(parsing: subject) } catch { throw .invalidSubject(error) }
        guard try Self.text("client_id", of: claims).utf8.elementsEqual(subject.utf8) else { throw .clientMismatch }
        guard let expiresAt = try Self.date("exp", of: claims) else { throw .missingClaim("exp") }
        guard let issuedAt = try Self.date("iat", of: claims) else { throw .missingClaim("iat") }
        self.expiresAt = expiresAt
        self.issuedAt = issuedAt
        self.notBefore = try Self.date("nbf", of: claims)
        self.tokenID = try Self.text("jti", of: claims)
        do { self.scopes = try ScopeSet(claims: claims) } catch { throw .scope(error) }
        self.certificateSHA256 = try Self.certificateSHA256(of: claims)
    }

    /// The claims as the payload of a token.
    package func object() -> JSONObject {
        var object = JSONObject()
        object["iss"] = .string(self.issuer)
        object["sub"] = .string(self.subject.uri)
        object["client_id"] = .string(self.subject.uri)
        object["aud"] = .string(self.audience)
        object["scope"] = .string(self.scopes.text)
        object["iat"] = .number(JSONNumber(Int64(self.issuedAt.timeIntervalSince1970)))
        object["exp"] = .number(JSONNumber(Int64(self.expiresAt.timeIntervalSince1970)))
        object["jti"] = .string(self.tokenID)
        if let certificateSHA256 {
            object["cnf"] = [Self.thumbprintMember: .string(Base64URL.encode(certificateSHA256))]
        }
        return object
    }

    private static func text(_ name: String, of claims: JSONObject) throws(AccessTokenError) -> String {
        guard let value = claims[name], !value.isNull else { throw .missingClaim(name) }
        guard let text = value.string, (1...self.maxTextBytes).contains(text.utf8.count) else {
            throw .malformedClaim(name)
        }
        return text
    }

    private static func audience(of claims: JSONObject) throws(AccessTokenError) -> String {
        guard let values = claims["aud"]?.array else { return try self.text("aud", of: claims) }
        guard let value = values.first else { throw .missingClaim("aud") }
        guard values.count == 1 else { throw .severalAudiences }
        return try self.text("aud", of: ["aud": value])
    }

    private static func date(_ name: String, of claims: JSONObject) throws(AccessTokenError) -> Date? {
        guard let value = claims[name], !value.isNull else { return nil }
        guard let seconds = value.number?.double, (0...self.latestDate).contains(seconds) else {
            throw .malformedClaim(name)
        }
        return Date(timeIntervalSince1970: seconds)
    }

    private static func certificateSHA256(of claims: JSONObject) throws(AccessTokenError) -> [UInt8]? {
        guard let value = claims["cnf"] else { return nil }
        guard let confirmation = value.object else { throw .malformedClaim("cnf") }
        // Whoever binds a token in a second way means both; a way that is not known cannot be checked.
        guard confirmation.count == 1, let thumbprint = confirmation[self.thumbprintMember] else {
            throw .unsupportedConfirmation
        }
        guard let text = thumbprint.string, let bytes = try? Base64URL.decode(text), bytes.count == 32 else {
            throw .malformedClaim("cnf")
        }
        return bytes
    }
}
