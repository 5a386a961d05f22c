import FoundationEssentials
package import SPIFFE

/// The authorities in force, as one immutable snapshot: who signs, and what everybody validates with.
///
/// Issues SVIDs synchronously and from any thread; nothing here is read from disk or waits.
package struct AuthorityState: Sendable {
    package let x509: X509Authority
    package let jwt: JWTAuthorityKey
    /// nil where WIT-SVIDs are not issued.
    package let wit: WITAuthorityKey?
    /// Every authority that is prepared, active or not yet expired, of all kinds.
    package let bundle: TrustBundle
    /// The `iss` of JWT-SVIDs.
    let jwtIssuer: String?

    package var trustDomain: TrustDomain { self.bundle.trustDomain }

    /// Checks what every kind of SVID asks of a SPIFFE ID.
    func checkMember(_ id: SPIFFEID) throws(IssuanceError) {
        guard id.trustDomain == self.trustDomain else { throw .foreignTrustDomain(id.trustDomain) }
        guard !id.path.isEmpty else { throw .withoutPath }
    }

    /// The lifetime of something that is signed by an authority which ends at `end`.
    static func lifetime(
        _ ttl: Duration, now: Date, end: Date
    ) throws(IssuanceError) -> (issuedAt: Date, expiresAt: Date, clamped: Bool) {
        guard ttl >= .seconds(1) else { throw .invalidTTL(ttl) }
        let issuedAt = now.wholeSecond
        guard issuedAt < end else { throw .authorityExpired(end) }
        let wanted = issuedAt.addingTimeInterval(TimeInterval(ttl.components.seconds))
        return (issuedAt, min(wanted, end), wanted > end)
    }
}
