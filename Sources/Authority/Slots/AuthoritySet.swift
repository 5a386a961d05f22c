import FoundationEssentials
import SPIFFE

/// The authorities of a trust domain, of all kinds, and the bundle they make; no private key.
struct AuthoritySet: Sendable, Hashable {
    /// The most authorities of one kind that may be unexpired; the rotation itself keeps about three.
    static let maxAuthorities = 1_024

    let trustDomain: TrustDomain
    var x509: AuthoritySlots<X509AuthorityCertificate>
    var jwt: AuthoritySlots<JWTAuthorityPublicKey>
    /// Without an active authority where WIT-SVIDs are not issued.
    var wit: AuthoritySlots<WITAuthorityPublicKey>
    var bundleSequence: UInt64
    /// Whole seconds.
    var refreshHint: Duration

    /// What SVIDs of the trust domain are validated with: every authority, whatever its slot, oldest first.
    var bundle: TrustBundle {
        self.bundle(sequenceNumber: self.bundleSequence)
    }

    var neededKeyNames: Set<String> {
        self.x509.neededKeyNames.union(self.jwt.neededKeyNames).union(self.wit.neededKeyNames)
    }

    /// The next moment at which a step of any kind is due.
    var nextInstant: Date {
        [self.x509.nextInstant, self.jwt.nextInstant, self.wit.nextInstant ?? self.wit.nextPruning]
            .compactMap(\.self).min() ?? .distantPast
    }

    /// Removes the old authorities that have expired.
    mutating func prune(now: Date) {
        self.x509.prune(now: now)
        self.jwt.prune(now: now)
        self.wit.prune(now: now)
    }

    /// Refuses more authorities of a kind than ``maxAuthorities``.
    func checkCount() throws(AuthorityRecordsError) {
        guard max(self.x509.all.count, self.jwt.all.count, self.wit.all.count) <= Self.maxAuthorities else {
            throw .tooManyAuthorities(limit: Self.maxAuthorities)
        }
    }

    /// Gives the bundle a greater number than `previous` has, if its content differs.
    ///
    /// The number is the time in seconds since 1970 where that is greater than the next one: it goes on growing, too, when
    /// the store was restored from an older copy or made anew, so that consumers who refuse to go back take the bundle.
    mutating func numberBundle(after previous: AuthoritySet, now: Date) {
        let hasSameContent = self.bundle(sequenceNumber: nil) == previous.bundle(sequenceNumber: nil)
        guard !hasSameContent || previous.bundleSequence == 0 else {
            self.bundleSequence = previous.bundleSequence
            return
        }
        let (next, overflow) = previous.bundleSequence.addingReportingOverflow(1)
        self.bundleSequence = overflow ? .max : max(next, UInt64(exactly: now.wholeSecondsSince1970) ?? 0)
    }

    private func bundle(sequenceNumber: UInt64?) -> TrustBundle {
        TrustBundle(
            trustDomain: self.trustDomain, x509Authorities: self.x509.all.map(\.certificate),
            jwtAuthorities: self.jwt.all.compactMap(\.bundleEntry),
            witAuthorities: self.wit.all.compactMap(\.bundleEntry), sequenceNumber: sequenceNumber,
            refreshHint: self.refreshHint)
    }
}
