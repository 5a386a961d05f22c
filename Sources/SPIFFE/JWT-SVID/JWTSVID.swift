public import FoundationEssentials
public import JOSE

/// A JWT-SVID: a token that says who its bearer is, to an audience, until a moment (JWT-SVID §3).
///
/// There are two ways to one: validation of a token that a peer sent, and receipt of one's own from the Workload API,
/// which has been authenticated by the socket it came from.
public struct JWTSVID: Sendable {
    public let id: SPIFFEID
    /// At least one value.
    public let audience: [String]
    /// The moment from which the token is refused.
    public let expiresAt: Date
    public let issuedAt: Date?
    /// All claims, those above included.
    ///
    /// Those that no standard defines mean something only inside the trust domain that issued the token.
    public let claims: JSONObject
    /// The token in compact serialization.
    ///
    /// Secret: whoever has it is the workload, to its audience.
    public let token: String
    /// What the one who issued the SVID says it is for; empty when there is nothing to say.
    public let hint: String

    /// Takes the token that the Workload API returned to its own caller; the signature is not checked.
    ///
    /// Everything that does not need a key or a clock is, by the rules of JWT-SVID §2 and §3.
    ///
    /// - Throws: ``JWTSVIDError``.
    public init(receivedFromWorkloadAPI token: String, hint: String = "") throws(JWTSVIDError) {
        _ = try UnverifiedJWTSVID(token)
        guard let claims = TokenPayload.claims(of: token) else { throw .token(.notCompact) }
        try self.init(claims: claims, token: token, hint: hint)
    }

    init(claims: JSONObject, token: String, hint: String) throws(JWTSVIDError) {
        guard let subject = claims["sub"]?.string else { throw .missingSubject }
        do { self.id = try SPIFFEID(parsing: subject) } catch { throw .invalidSubject(error) }
        self.audience = try JWTSVIDClaims.audience(of: claims)
        guard let expiresAt = try JWTSVIDClaims.date("exp", of: claims) else { throw .missingExpiration }
        self.expiresAt = expiresAt
        self.issuedAt = try JWTSVIDClaims.date("iat", of: claims)
        self.claims = claims
        self.token = token
        self.hint = hint
    }
}

// A token is a bearer credential and must not reach a log.
extension JWTSVID: CustomStringConvertible, CustomReflectable {
    public var description: String { "JWTSVID(\(self.id), token: <redacted>)" }
    public var customMirror: Mirror { Mirror(self, children: ["id": self.id, "expiresAt": self.expiresAt]) }
}
