public import FoundationEssentials
import JOSE

/// A proof of possession that was validated against the WIT-SVID and the request it came with.
public struct VerifiedWorkloadProof: Hashable, Sendable {
    /// The `jti`: the same proof again has the same.
    public let id: String
    /// The moment from which the proof is refused.
    public let expiresAt: Date

    init(
        _ proof: String, identityToken: String, confirmation: WITConfirmation, scope: WorkloadProofScope, now: Date,
        leeway: TimeInterval, maxLifetime: Duration
    ) throws(WorkloadProofError) {
        let jwt: UnverifiedJWT
        do { jwt = try UnverifiedJWT(parsing: proof) } catch { throw .token(error) }
        guard let type = jwt.type, type.utf8.elementsEqual(WorkloadProof.type.utf8) else {
            throw .unsupportedType(ShownText.prefix(jwt.type ?? ""))
        }
        guard jwt.algorithm == confirmation.algorithm else { throw .algorithmMismatch(jwt.algorithm) }
        let claims: JSONObject
        do { claims = try jwt.verify(with: confirmation.publicKey) } catch { throw .token(error) }

        try Self.checkAudience(claims["aud"], scope.target)
        self.expiresAt = try Self.expiration(claims["exp"], now: now, leeway: leeway, maxLifetime: maxLifetime)
        self.id = try Self.id(claims["jti"])
        guard let tokenHash = claims["wth"] else { throw .missingTokenHash }
        guard tokenHash.isString(WorkloadProof.hash(identityToken)) else { throw .tokenHashMismatch }
        guard Self.covers(claims["ath"], scope.accessToken) else { throw .accessTokenHashMismatch }
        guard Self.covers(claims["tth"], scope.transactionToken) else { throw .transactionTokenHashMismatch }
        try Self.checkOthers(claims["oth"], scope.otherTokens)
    }

    private static func checkAudience(_ claim: JSONValue?, _ target: String) throws(WorkloadProofError) {
        guard let claim, !claim.isNull else { throw .missingAudience }
        guard let values = claim.string.map({ [$0] }) ?? claim.strings else { throw .malformedClaim("aud") }
        guard !values.isEmpty else { throw .missingAudience }
        guard values.contains(where: { $0.utf8.elementsEqual(target.utf8) }) else {
            throw .audienceMismatch(expected: target)
        }
    }

    private static func expiration(
        _ claim: JSONValue?, now: Date, leeway: TimeInterval, maxLifetime: Duration
    ) throws(WorkloadProofError) -> Date {
        guard let claim else { throw .missingExpiration }
        guard let expiresAt = NumericDate.date(claim) else { throw .malformedClaim("exp") }
        guard now < expiresAt.addingTimeInterval(leeway) else { throw .expired(expiresAt) }
        guard expiresAt <= now.addingTimeInterval(maxLifetime / .seconds(1) + leeway) else {
            throw .lifetimeTooLong(max: maxLifetime)
        }
        return expiresAt
    }

    private static func id(_ claim: JSONValue?) throws(WorkloadProofError) -> String {
        guard let claim else { throw .missingID }
        guard let id = claim.string, (1...WorkloadProof.maxIDBytes).contains(id.utf8.count) else {
            throw .malformedClaim("jti")
        }
        return id
    }

    /// Whether a hash is there exactly when its token is, and is the token's.
    private static func covers(_ claim: JSONValue?, _ token: String?) -> Bool {
        switch (claim, token) {
        case (nil, nil): true
        case (let claim?, let token?): claim.isString(WorkloadProof.hash(token))
        default: false
        }
    }

    private static func checkOthers(_ claim: JSONValue?, _ tokens: [String: String]) throws(WorkloadProofError) {
        guard let claim else {
            guard let name = tokens.keys.min() else { return }
            throw .otherTokenHashMismatch(ShownText.prefix(name))
        }
        guard let hashes = claim.object, hashes.count > 0 else { throw .malformedClaim("oth") }
        // An entry that is not understood could be one that should decide something.
        for (name, hash) in hashes.members {
            guard self.covers(hash, tokens[name]) else { throw .otherTokenHashMismatch(ShownText.prefix(name)) }
        }
        for name in tokens.keys.sorted() where hashes[name] == nil {
            throw .otherTokenHashMismatch(ShownText.prefix(name))
        }
    }
}
