public import FoundationEssentials
public import SPIFFE

/// All revocations that are in force, looked up without a search.
///
/// Bounded: what does not fit is refused, and never displaces what is there; whoever keeps the state then treats it as
/// one that does not advance.
public struct RevocationState: Sendable {
    /// The most revocations that are kept.
    public static let maxRevocations = 100_000

    private struct Moment: Hashable, Sendable {
        var revokedAt: Date
        var expiresAt: Date

        func isInForce(_ now: Date) -> Bool { now < self.expiresAt }
    }

    private var moments: [Revocation.Target: Moment] = [:]

    /// Nothing is revoked.
    public init() {}

    /// - Throws: ``RevocationStateError``.
    public init(_ revocations: some Sequence<Revocation>, now: Date) throws(RevocationStateError) {
        try self.add(revocations, now: now)
    }

    public var count: Int { self.moments.count }

    /// Adds revocations, and forgets those that are not in force any more.
    ///
    /// What is revoked again stays revoked for the longer of both times. Nothing is added when not everything fits.
    ///
    /// - Throws: ``RevocationStateError/full(max:)``.
    public mutating func add(
        _ revocations: some Sequence<Revocation>, now: Date
    ) throws(RevocationStateError) {
        var moments = self.moments.filter { $0.value.isInForce(now) }
        for revocation in revocations where now < revocation.expiresAt {
            var moment = Moment(revokedAt: revocation.revokedAt, expiresAt: revocation.expiresAt)
            if let known = moments[revocation.target] {
                moment.revokedAt = max(known.revokedAt, moment.revokedAt)
                moment.expiresAt = max(known.expiresAt, moment.expiresAt)
            }
            moments[revocation.target] = moment
            guard moments.count <= Self.maxRevocations else { throw .full(max: Self.maxRevocations) }
        }
        self.moments = moments
    }

    /// The revocations that are in force, in no order.
    public func all(now: Date) -> [Revocation] {
        self.moments.compactMap { target, moment in
            guard moment.isInForce(now) else { return nil }
            return Revocation(target, revokedAt: moment.revokedAt, expiresAt: moment.expiresAt)
        }
    }

    /// What is revoked about a token and the peer that shows it; nil when nothing is.
    public func target(revoking token: AccessToken, from peer: TokenPeer, now: Date) -> Revocation.Target? {
        guard !self.moments.isEmpty else { return nil }
        let claims = token.claims
        if self.isInForce(.token(claims.tokenID), now) { return .token(claims.tokenID) }
        if let revokedAt = self.revocation(of: claims.subject, now: now), claims.issuedAt <= revokedAt {
            return .subject(claims.subject)
        }
        if self.isInForce(.certificate(peer.certificateSerial), now) { return .certificate(peer.certificateSerial) }
        if self.isInForce(.key(token.keyID), now) { return .key(token.keyID) }
        return nil
    }

    /// Whether a token of one's own is revoked.
    package func isRevoked(_ names: IssuedTokenNames, now: Date) -> Bool {
        guard !self.moments.isEmpty else { return false }
        if let tokenID = names.tokenID, self.isInForce(.token(tokenID), now) { return true }
        if let keyID = names.keyID, self.isInForce(.key(keyID), now) { return true }
        return self.revocation(of: names.subject, now: now).map { names.issuedAt <= $0 } ?? false
    }

    /// What is revoked about an X.509-SVID; nil when nothing is.
    ///
    /// - Parameters:
    ///   - id: The SPIFFE ID of the SVID.
    ///   - certificateSerial: In lower-case hexadecimal without leading zeros.
    ///   - issuedAt: When the certificate was issued; its `notBefore`, where nothing better is known.
    ///   - now: The wall-clock time; a revocation ends.
    public func target(
        revokingCertificateOf id: SPIFFEID, certificateSerial: String, issuedAt: Date, now: Date
    ) -> Revocation.Target? {
        guard !self.moments.isEmpty else { return nil }
        if self.isInForce(.certificate(certificateSerial), now) { return .certificate(certificateSerial) }
        if let revokedAt = self.revocation(of: id, now: now), issuedAt <= revokedAt { return .subject(id) }
        return nil
    }

    /// What is revoked about the X.509-SVID of a peer; nil when nothing is.
    public func target(revoking peer: VerifiedX509SVID, now: Date) -> Revocation.Target? {
        self.target(
            revokingCertificateOf: peer.id, certificateSerial: peer.certificateSerial, issuedAt: peer.issuedAt,
            now: now)
    }

    /// The moment up to which what a SPIFFE ID had is revoked; nil when nothing is.
    public func revocation(of id: SPIFFEID, now: Date) -> Date? {
        self.moments[.subject(id)].flatMap { $0.isInForce(now) ? $0.revokedAt : nil }
    }

    private func isInForce(_ target: Revocation.Target, _ now: Date) -> Bool {
        self.moments[target]?.isInForce(now) ?? false
    }
}

/// Why revocations were not taken.
@nonexhaustive
public enum RevocationStateError: Error, Hashable {
    /// There would be more than are kept.
    case full(max: Int)
}
