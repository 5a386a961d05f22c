import FoundationEssentials
import JOSE

/// Reading the registered claims of RFC 7519 §4.1 that JWT-SVID §3 relies on.
enum JWTSVIDClaims {
    /// 9999-12-31T23:59:59Z; nothing that formats or compares dates has to think about later ones.
    private static let latest = 253_402_300_799.0

    /// A NumericDate, with or without fraction; nil when there is no such claim.
    static func date(_ name: String, of claims: JSONObject) throws(JWTSVIDError) -> Date? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.number?.double, (0...self.latest).contains(seconds) else {
            throw .malformedClaim(name)
        }
        return Date(timeIntervalSince1970: seconds)
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
