package import FoundationEssentials
import JOSE
import KeyManagement
package import SPIFFE

/// Issuing WIT-SVIDs.
extension AuthorityState {
    /// Issues a WIT-SVID: header `alg`, `kid`, `typ`; claims `sub`, `exp`, `iat`, `cnf`; never an `aud`.
    ///
    /// There is no `iss`: nobody should take the token for one of an OpenID provider (WIT-SVID §3.7). What was signed is
    /// read and verified as a peer would before it leaves.
    ///
    /// - Parameters:
    ///   - id: Of this trust domain, with a path, not `/spire` or below.
    ///   - confirmation: The workload's key, and the algorithm its proofs will be signed with.
    ///   - ttl: A second or more; fractions are dropped. Cut where the authority ends.
    ///   - now: The moment of issue.
    package func issueWITSVID(
        id: SPIFFEID, confirmation: WITConfirmation, ttl: Duration, now: Date
    ) throws(IssuanceError) -> IssuedWITSVID {
        guard let wit else { throw .noAuthority }
        try self.checkMember(id)
        guard !id.isReserved else { throw .reservedID(id) }
        let lifetime = try Self.lifetime(ttl, now: now, end: wit.expiresAt)

        let algorithm = wit.key.type.jwtAlgorithm
        let header: JSONObject = ["alg": .string(algorithm.rawValue), "kid": .string(wit.keyID), "typ": "wit+jwt"]
        let claims: JSONObject = [
            "sub": .string(id.uri), "exp": .number(JSONNumber(lifetime.expiresAt.wholeSecondsSince1970)),
            "iat": .number(JSONNumber(lifetime.issuedAt.wholeSecondsSince1970)), "cnf": confirmation.claim,
        ]
        let token: String
        do {
            token = try JWSSigning.compactSynchronously(header: header, claims: claims) {
                signingInput throws(KeyManagerError) in
                try wit.key.sign(signingInput, algorithm: algorithm)
            }
        } catch {
            throw .signingFailed
        }
        try Self.check(token, by: wit, claims: claims)
        return IssuedWITSVID(
            id: id, token: token, keyID: wit.keyID, issuedAt: lifetime.issuedAt, expiresAt: lifetime.expiresAt,
            clamped: lifetime.clamped)
    }

    /// Reads what was made.
    private static func check(
        _ token: String, by authority: WITAuthorityKey, claims: JSONObject
    ) throws(IssuanceError) {
        guard let jwt = try? UnverifiedJWT(parsing: token) else { throw .profileViolated(.unreadable) }
        guard jwt.keyID == authority.keyID, let read = try? jwt.verify(with: authority.key.publicKey), read == claims
        else { throw .profileViolated(.signature) }
    }
}
