package import FoundationEssentials
import JOSE
package import KeyManagement

/// A JWT authority that can sign.
package struct JWTAuthorityKey: Sendable {
    /// The length of a `kid`, in characters.
    package static let keyIDLength = 32

    package let key: SigningKey
    /// The `kid`.
    package let keyID: String
    package let issuedAt: Date
    package let expiresAt: Date

    init(_ authority: JWTAuthorityPublicKey, key: SigningKey) {
        self.key = key
        self.keyID = authority.id
        self.issuedAt = authority.issuedAt
        self.expiresAt = authority.expiresAt
    }

    /// Names a new authority.
    ///
    /// - Parameter now: The moment at which its life begins; fractions of a second are dropped.
    static func make(key: SigningKey, configuration: AuthorityConfiguration, now: Date) -> JWTAuthorityPublicKey {
        let issuedAt = now.wholeSecond
        return JWTAuthorityPublicKey(
            id: self.randomKeyID(), publicKey: key.publicKey, keyName: key.id, issuedAt: issuedAt,
            expiresAt: issuedAt.addingTimeInterval(configuration.caTTL / .seconds(1)))
    }

    /// A `kid` that no authority has had, JWT or WIT: 190 random bits.
    static func randomKeyID() -> String {
        let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<self.keyIDLength).map { _ in characters[Int.random(in: characters.indices)] })
    }
}
