import Crypto
import CryptoExtras
import SwiftASN1
package import X509

/// A new key of one of the kinds that an X.509-SVID may have.
package struct LeafKey: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case p256 = "P-256"
        case p384 = "P-384"
        case p521 = "P-521"
        case ed25519 = "Ed25519"
        case rsa = "RSA"
    }

    package let publicKey: Certificate.PublicKey
    /// The private key as DER PKCS#8.
    package let pkcs8DER: [UInt8]

    /// A P-256 key that is read, and that TLS refuses: the copy of the public key within it is not a point of the curve.
    package static func unusableForTLS() -> LeafKey {
        let key = P256.Signing.PrivateKey()
        var der = Array(key.derRepresentation)
        der[der.count - 1] ^= 1
        return LeafKey(publicKey: .init(key.publicKey), pkcs8DER: der)
    }

    private init(publicKey: Certificate.PublicKey, pkcs8DER: [UInt8]) {
        self.publicKey = publicKey
        self.pkcs8DER = pkcs8DER
    }

    package init(_ kind: Kind) throws {
        switch kind {
        case .p256:
            let key = P256.Signing.PrivateKey()
            (self.publicKey, self.pkcs8DER) = (.init(key.publicKey), Array(key.derRepresentation))
        case .p384:
            let key = P384.Signing.PrivateKey()
            (self.publicKey, self.pkcs8DER) = (.init(key.publicKey), Array(key.derRepresentation))
        case .p521:
            let key = P521.Signing.PrivateKey()
            (self.publicKey, self.pkcs8DER) = (.init(key.publicKey), Array(key.derRepresentation))
        case .ed25519:
            let key = Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
            (self.publicKey, self.pkcs8DER) = (key.publicKey, try key.serializeAsPEM().derBytes)
        case .rsa:
            let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
            (self.publicKey, self.pkcs8DER) = (.init(key.publicKey), Array(key.pkcs8DERRepresentation))
        }
    }
}
