public import FoundationEssentials
import JOSE

extension JWTSVID {
    /// The greatest difference of clocks that may be allowed for.
    public static let maxLeeway: Duration = .seconds(60)
    /// The most keys that a token without `kid` is tried against.
    public static let maxAuthoritiesTried = 32

    /// Validates a token as a JWT-SVID for one audience.
    ///
    /// Applies JWT-SVID §2 to §4: the algorithm before anything else, then type and subject, the signature with a JWT
    /// authority of the subject's own trust domain, then audience, expiration and, where it is there, `nbf`. `iat` in the
    /// future is no fault, and neither is a subject without path. No I/O, no clock.
    ///
    /// - Parameters:
    ///   - token: The token in compact serialization.
    ///   - audience: What the caller calls itself; not empty, compared byte by byte.
    ///   - bundles: Whom to believe: each trust domain's authorities for its own tokens.
    ///   - now: The wall-clock time at which the token is judged.
    ///   - leeway: How far clocks may be apart: zero by default, at most ``maxLeeway``.
    /// - Throws: ``JWTSVIDError``.
    public static func validate(
        _ token: String, audience: String, bundles: TrustBundles, now: Date, leeway: Duration = .zero
    ) throws(JWTSVIDError) -> JWTSVID {
        try self.checkArguments(audience: audience, leeway: leeway)
        let svid = try self.verify(token, bundles: bundles).svid
        try svid.check(audience: audience, now: now, leeway: leeway)
        return svid
    }

    /// What must hold of a call whatever the token is.
    static func checkArguments(audience: String, leeway: Duration) throws(JWTSVIDError) {
        guard (.zero...self.maxLeeway).contains(leeway) else { throw .leewayOutOfRange(leeway) }
        guard !audience.isEmpty else { throw .noExpectedAudience }
    }

    /// Judges everything but audience and time, which depend on the call; tells also whose key signed.
    static func verify(
        _ token: String, bundles: TrustBundles
    ) throws(JWTSVIDError) -> (svid: JWTSVID, authority: JWTAuthority) {
        let (claims, authority) = try UnverifiedJWTSVID(token).verify(with: bundles)
        return (try JWTSVID(claims: claims, token: token, hint: ""), authority)
    }

    /// Judges audience and time.
    func check(audience: String, now: Date, leeway: Duration) throws(JWTSVIDError) {
        guard self.audience.contains(where: { $0.utf8.elementsEqual(audience.utf8) }) else {
            throw .audienceMismatch(expected: audience)
        }
        let leewaySeconds = leeway / .seconds(1)
        guard now < self.expiresAt.addingTimeInterval(leewaySeconds) else { throw .expired(self.expiresAt) }
        if let notBefore = try JWTSVIDClaims.date("nbf", of: self.claims) {
            guard notBefore.addingTimeInterval(-leewaySeconds) <= now else { throw .notYetValid(notBefore) }
        }
    }
}
