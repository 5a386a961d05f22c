import FoundationEssentials
import JOSE

/// The claims of a WIT-SVID (WIT-SVID §3), each checked by the rules that need neither key nor clock.
struct WITSVIDClaims {
    let id: SPIFFEID
    let confirmation: WITConfirmation
    let expiresAt: Date
    let notBefore: Date?
    let issuedAt: Date?
    let all: JSONObject

    init(_ claims: JSONObject) throws(WITSVIDError) {
        guard let subject = claims["sub"]?.string else { throw .missingSubject }
        do { self.id = try SPIFFEID(parsing: subject) } catch { throw .invalidSubject(error) }
        // Issuers must not set it, so that no validator of bearer tokens takes the token for one (§3.8).
        guard claims["aud"] == nil else { throw .audiencePresent }
        guard let expiresAt = try Self.date("exp", of: claims) else { throw .missingExpiration }
        self.expiresAt = expiresAt
        self.notBefore = try Self.date("nbf", of: claims)
        self.issuedAt = try Self.date("iat", of: claims)
        self.confirmation = try WITConfirmation(claims["cnf"])
        self.all = claims
    }

    private static func date(_ name: String, of claims: JSONObject) throws(WITSVIDError) -> Date? {
        guard let value = claims[name] else { return nil }
        guard let date = NumericDate.date(value) else { throw .malformedClaim(name) }
        return date
    }
}
