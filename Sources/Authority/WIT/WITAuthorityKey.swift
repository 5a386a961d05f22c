package import FoundationEssentials
import JOSE
package import KeyManagement

/// A WIT authority that can sign.
package struct WITAuthorityKey: Sendable {
    package let key: SigningKey
    /// The `kid`.
    package let keyID: String
    package let issuedAt: Date
    package let expiresAt: Date

    init(_ authority: WITAuthorityPublicKey, key: SigningKey) {
        self.key = key
        self.keyID = authority.id
        self.issuedAt = authority.issuedAt
        self.expiresAt = authority.expiresAt
    }

    /// Names a new authority.
    ///
    /// - Parameter now: The moment at which its life begins; fractions of a second are dropped.
    static func make(key: SigningKey, configuration: AuthorityConfiguration, now: Date) -> WITAuthorityPublicKey {
        let issuedAt = now.wholeSecond
        return WITAuthorityPublicKey(
            id: JWTAuthorityKey.randomKeyID(), publicKey: key.publicKey, keyName: key.id, issuedAt: issuedAt,
            expiresAt: issuedAt.addingTimeInterval(configuration.caTTL / .seconds(1)))
    }
}
