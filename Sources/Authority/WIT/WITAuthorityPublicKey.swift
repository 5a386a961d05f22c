package import FoundationEssentials
package import JOSE
package import SPIFFE

/// A WIT authority as the trust bundle shows it, and the name of its private key; never a key of another kind.
package struct WITAuthorityPublicKey: RotatingAuthority {
    /// The `kid`: 32 letters and digits, chosen at random.
    package let id: String
    package let publicKey: JOSE.PublicKey
    package let keyName: String
    package let issuedAt: Date
    package let expiresAt: Date

    package var validFrom: Date? { nil }

    /// The entry of the trust bundle; nil when there is no ``id``, which cannot be.
    package var bundleEntry: WITAuthority? {
        WITAuthority(keyID: self.id, publicKey: self.publicKey, expiresAt: self.expiresAt)
    }
}
