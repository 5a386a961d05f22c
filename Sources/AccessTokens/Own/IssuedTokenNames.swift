package import FoundationEssentials
import JOSE
package import SPIFFE

/// What a revocation names of a token of one's own.
///
/// The token came from its issuer: no signature is checked. One that cannot be read has neither `jti` nor `kid`, and is
/// still known by its subject.
package struct IssuedTokenNames: Hashable, Sendable {
    package let tokenID: String?
    package let keyID: String?
    package let subject: SPIFFEID
    package let issuedAt: Date

    package init(_ token: IssuedAccessToken) {
        let parts = token.token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isJWS = parts.count == 3
        self.keyID = isJWS ? Self.text("kid", in: parts[0]) : nil
        self.tokenID = isJWS ? Self.text("jti", in: parts[1]) : nil
        self.subject = token.spiffeID
        self.issuedAt = token.issuedAt
    }

    private static func text(_ name: String, in part: Substring.UTF8View) -> String? {
        guard let bytes = try? Base64URL.decode(part) else { return nil }
        return (try? JSON.parse(bytes, maxBytes: IssuedAccessToken.maxTokenBytes))?.object?[name]?.string
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
