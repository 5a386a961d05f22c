package import FoundationEssentials
package import SPIFFE

/// What a revocation names of a token of one's own.
///
/// One that cannot be read has neither `jti` nor `kid`, and is still known by its subject.
package struct IssuedTokenNames: Hashable, Sendable {
    package let tokenID: String?
    package let keyID: String?
    package let subject: SPIFFEID
    package let issuedAt: Date

    package init(_ token: IssuedAccessToken) {
        let contents = OwnTokenContents(token.token)
        self.keyID = contents?.keyID
        self.tokenID = contents?.tokenID
        self.subject = token.spiffeID
        self.issuedAt = token.issuedAt
    }
}

extension TokenState {
    /// For how long a key may be missing from the set before a token that it signed is taken for withdrawn.
    ///
    /// The set may have been sent before the key was made.
    package static let missingKeyGrace: TimeInterval = 10

    /// Whether services that know this state refuse a token of one's own: it is revoked, or its key is withdrawn.
    ///
    /// - Parameter fetchedAt: When the token came, by the same clock as ``knownAt``.
    package func isRevoked(_ names: IssuedTokenNames, fetchedAt: Date, now: Date) -> Bool {
        if self.revocations.isRevoked(names, now: now) { return true }
        guard let keyID = names.keyID, self.keys[keyID] == nil else { return false }
        return self.knownAt > fetchedAt.addingTimeInterval(Self.missingKeyGrace)
    }
}
