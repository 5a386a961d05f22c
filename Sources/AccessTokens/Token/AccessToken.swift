public import FoundationEssentials
import SPIFFE

/// An access token that was validated: who calls, and what they may do here.
///
/// There is no other way to one than ``validate(_:from:keys:rules:revocations:now:)``. The token itself is not kept: it
/// is nobody's but the caller's.
public struct AccessToken: Hashable, Sendable {
    public let claims: AccessTokenClaims
    /// The `kid` of the key that signed it.
    public let keyID: String

    /// Validates a token that came from a TLS peer.
    ///
    /// Applies RFC 9068 §4 with the rules of RFC 8725 §3, in this order: the form, the algorithm, what the header must not
    /// have, `typ` and `kid`; the signature with the issuer's key of that `kid`; the claims, issuer, audience and subject;
    /// then what ``check(from:keys:rules:revocations:now:)`` checks. No I/O, no clock.
    ///
    /// - Parameters:
    ///   - token: A JWS in compact form, without the scheme of a header.
    ///   - peer: The other end of the connection on which the token came; never what a header says.
    ///   - keys: The issuer's signing keys.
    ///   - rules: What this service demands.
    ///   - revocations: What is revoked, as far as it is known.
    ///   - now: The wall-clock time at which the token is judged.
    /// - Throws: ``AccessTokenError``.
    public static func validate(
        _ token: String, from peer: TokenPeer, keys: AccessTokenKeys, rules: AccessTokenRules,
        revocations: RevocationState, now: Date
    ) throws(AccessTokenError) -> AccessToken {
        let unverified = try UnverifiedAccessToken(parsing: token, algorithms: rules.algorithms)
        let accessToken = AccessToken(claims: try unverified.verify(with: keys), keyID: unverified.keyID)
        try accessToken.check(rules: rules)
        try accessToken.check(from: peer, keys: keys, rules: rules, revocations: revocations, now: now)
        return accessToken
    }

    /// Takes claims whose signature was checked with the key of that `kid`, to check the rest.
    package init(claims: AccessTokenClaims, keyID: String) {
        self.claims = claims
        self.keyID = keyID
    }

    /// Checks what does not change while the token lives: issuer, audience, trust domain and lifetime.
    package func check(rules: AccessTokenRules) throws(AccessTokenError) {
        try self.claims.check(rules: rules)
    }

    /// Checks again what may have changed since the token was validated: key, time, peer and revocations.
    ///
    /// Does not check a signature. For tokens that are kept between calls.
    ///
    /// - Throws: ``AccessTokenError``.
    public func check(
        from peer: TokenPeer, keys: AccessTokenKeys, rules: AccessTokenRules, revocations: RevocationState, now: Date
    ) throws(AccessTokenError) {
        guard keys[self.keyID] != nil else { throw .unknownKeyID(self.keyID) }
        try self.claims.check(rules: rules, now: now)
        try self.claims.check(peer: peer)
        if let revoked = revocations.target(revoking: self, from: peer, now: now) { throw .revoked(revoked) }
    }

    /// Checks that the token has the scopes that a call needs.
    ///
    /// - Throws: `.insufficientScope`.
    public func require(_ requirement: ScopeRequirement) throws(AccessTokenError) {
        guard requirement.isSatisfied(by: self.claims.scopes) else { throw .insufficientScope(requirement) }
    }
}

extension AccessTokenClaims {
    /// What does not change while the token lives.
    fileprivate func check(rules: AccessTokenRules) throws(AccessTokenError) {
        guard self.issuer.utf8.elementsEqual(rules.issuer.utf8) else {
            throw .issuerMismatch(expected: rules.issuer)
        }
        guard self.audience.utf8.elementsEqual(rules.audience.utf8) else {
            throw .audienceMismatch(expected: rules.audience)
        }
        guard rules.trustDomains.contains(self.subject.trustDomain) else {
            throw .subjectOutsideTrustDomains(self.subject.trustDomain)
        }
        let lifetime = self.expiresAt.timeIntervalSince(self.issuedAt)
        guard lifetime > 0, lifetime <= AccessTokenRules.maxLifetime / .seconds(1) else {
            throw .unacceptableLifetime(max: AccessTokenRules.maxLifetime)
        }
    }

    fileprivate func check(rules: AccessTokenRules, now: Date) throws(AccessTokenError) {
        let leeway = rules.leeway / .seconds(1)
        guard now < self.expiresAt.addingTimeInterval(leeway) else { throw .expired(self.expiresAt) }
        if let notBefore, now < notBefore.addingTimeInterval(-leeway) { throw .notYetValid(notBefore) }
        guard self.issuedAt <= now.addingTimeInterval(AccessTokenRules.maxIssuedAhead / .seconds(1)) else {
            throw .issuedInFuture(self.issuedAt)
        }
    }

    fileprivate func check(peer: TokenPeer) throws(AccessTokenError) {
        guard self.subject == peer.id else { throw .peerMismatch(peer: peer.id) }
        if let certificateSHA256, certificateSHA256 != peer.certificateSHA256 { throw .certificateMismatch }
    }
}
