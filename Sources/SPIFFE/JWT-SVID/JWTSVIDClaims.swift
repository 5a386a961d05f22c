import FoundationEssentials
import JOSE

/// Reading the registered claims of RFC 7519 §4.1 that JWT-SVID §3 relies on.
enum JWTSVIDClaims {
    /// A NumericDate, with or without fraction; nil when there is no such claim.
    static func date(_ name: String, of claims: JSONObject) throws(JWTSVIDError) -> Date? {
        guard let value = claims[name] else { return nil }
        guard let date = NumericDate.date(value) else { throw .malformedClaim(name) }
        return date
    }

    /// The audience, which is one string or an array of strings.
    static func audience(of claims: JSONObject) throws(JWTSVIDError) -> [String] {
        guard let value = claims["aud"], !value.isNull else { throw .missingAudience }
        if let single = value.string { return [single] }
        guard let values = value.strings else { throw .malformedClaim("aud") }
        guard !values.isEmpty else { throw .missingAudience }
        return values
    }
}
