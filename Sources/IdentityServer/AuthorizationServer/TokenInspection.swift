import AccessTokens
import Authority
import FoundationEssentials
import JOSE
import Rotation

/// Reads access tokens of this issuer that somebody shows it.
struct TokenInspection: Sendable {
    let issuer: String
    let keys: TokenKeyRotation
    let feed: TokenFeed

    /// A token that this issuer signed with a key in force; nil for everything else.
    ///
    /// It may have expired, or be revoked.
    func token(_ text: String) -> AccessToken? {
        let published = self.keys.state.current.keys
        let keys = AccessTokenKeys(
            Dictionary(published.map { ($0.id, $0.publicKey) }, uniquingKeysWith: { first, _ in first }))
        let algorithms = Set(published.map(\.algorithm))
        guard let unverified = try? UnverifiedAccessToken(parsing: text, algorithms: algorithms),
            let claims = try? unverified.verify(with: keys), claims.issuer.utf8.elementsEqual(self.issuer.utf8)
        else { return nil }
        return AccessToken(claims: claims, keyID: unverified.keyID)
    }

    /// Whether the token is accepted now, by whoever it is for and from whoever it is bound to.
    func isActive(_ token: AccessToken, now: Date) -> Bool {
        now < token.claims.expiresAt && self.feed.revocation(of: .token(token.claims.tokenID)) == nil
            && self.feed.revocation(of: .key(token.keyID)) == nil
            && !self.feed.isRevoked(token.claims.subject, issuedAt: token.claims.issuedAt)
    }
}
