package import FoundationEssentials
import JOSE
import KeyManagement
package import SPIFFE

/// Issuing JWT-SVIDs.
extension AuthorityState {
    /// The most bytes all audiences of a token have together.
    package static let maxAudienceBytes = 4_096

    /// Issues a JWT-SVID: header `alg`, `kid`, `typ`; claims `sub`, `aud`, `exp`, `iat` and where wanted `iss`, `jti`.
    ///
    /// - Parameters:
    ///   - id: Of this trust domain, with a path, not `/spire` or below.
    ///   - audience: One or more; empty ones and repetitions are dropped. Always an array in the token.
    ///   - ttl: A second or more; fractions are dropped. Cut where the authority ends.
    ///   - includeJTI: Whether to put in a random UUID as `jti`.
    ///   - now: The moment of issue.
    package func issueJWTSVID(
        id: SPIFFEID, audience: [String], ttl: Duration, includeJTI: Bool = false, now: Date
    ) throws(IssuanceError) -> IssuedJWTSVID {
        try self.checkMember(id)
        guard !id.isReserved else { throw .reservedID(id) }
        let audience = try Self.checkedAudience(audience)
        let lifetime = try Self.lifetime(ttl, now: now, end: self.jwt.expiresAt)

        let algorithm = self.jwt.key.type.jwtAlgorithm
        let header: JSONObject = [
            "alg": .string(algorithm.rawValue), "kid": .string(self.jwt.keyID), "typ": "JWT",
        ]
        var claims: JSONObject = [
            "sub": .string(id.uri), "aud": .array(audience),
            "exp": .number(JSONNumber(lifetime.expiresAt.wholeSecondsSince1970)),
            "iat": .number(JSONNumber(lifetime.issuedAt.wholeSecondsSince1970)),
        ]
        if let jwtIssuer { claims["iss"] = .string(jwtIssuer) }
        let tokenID = includeJTI ? UUID().uuidString.lowercased() : nil
        if let tokenID { claims["jti"] = .string(tokenID) }

        let token: String
        do {
            token = try JWSSigning.compactSynchronously(header: header, claims: claims) {
                signingInput throws(KeyManagerError) in
                try self.jwt.key.sign(signingInput, algorithm: algorithm)
            }
        } catch {
            throw .signingFailed
        }
        // Only escaped characters in the audiences can make it this long.
        let maxBytes = UnverifiedJWT.maxTokenBytes
        guard token.utf8.count <= maxBytes else { throw .tokenTooLong(maxBytes: maxBytes) }
        return IssuedJWTSVID(
            id: id, token: token, keyID: self.jwt.keyID, tokenID: tokenID, issuedAt: lifetime.issuedAt,
            expiresAt: lifetime.expiresAt, clamped: lifetime.clamped)
    }

    private static func checkedAudience(_ audience: [String]) throws(IssuanceError) -> [JSONValue] {
        guard audience.reduce(0, { $0 + $1.utf8.count }) <= self.maxAudienceBytes else {
            throw .audienceTooLong(maxBytes: self.maxAudienceBytes)
        }
        // As JSON values, since these are equal only when their bytes are.
        var seen: Set<JSONValue> = []
        let values = audience.filter { !$0.isEmpty }.map(JSONValue.string).filter { seen.insert($0).inserted }
        guard !values.isEmpty else { throw .noAudience }
        return values
    }
}
