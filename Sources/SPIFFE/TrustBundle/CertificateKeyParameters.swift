import Crypto
import CryptoExtras
import FoundationEssentials
import JOSE
import X509

/// The public key of a certificate as members of a JWK (RFC 7518 §6.2, §6.3; RFC 8037 §2).
///
/// Unlike keys that verify tokens, these may be Ed25519, and RSA of any size that a certificate can have.
enum CertificateKeyParameters {
    /// `kty` and the members that hold the key, in this order.
    static func members(of key: Certificate.PublicKey) -> [(name: String, value: String)] {
        if let key = P256.Signing.PublicKey(key) { return self.members(curve: "P-256", key.rawRepresentation) }
        if let key = P384.Signing.PublicKey(key) { return self.members(curve: "P-384", key.rawRepresentation) }
        if let key = P521.Signing.PublicKey(key) { return self.members(curve: "P-521", key.rawRepresentation) }
        if let key = _RSA.Signing.PublicKey(key) { return self.members(key) }
        if let key = Curve25519.Signing.PublicKey(key) {
            return [("kty", "OKP"), ("crv", "Ed25519"), ("x", Base64URL.encode(key.rawRepresentation))]
        }
        return []
    }

    /// Whether an entry has exactly the key of a certificate.
    static func match(_ entry: JSONObject, _ key: Certificate.PublicKey) -> Bool {
        let members = self.members(of: key)
        return !members.isEmpty && members.allSatisfy { entry[$0.name]?.isString($0.value) == true }
    }

    private static func members(curve: String, _ coordinates: Data) -> [(name: String, value: String)] {
        let length = coordinates.count / 2
        return [
            ("kty", "EC"), ("crv", curve), ("x", Base64URL.encode(coordinates.prefix(length))),
            ("y", Base64URL.encode(coordinates.suffix(length))),
        ]
    }

    private static func members(_ key: _RSA.Signing.PublicKey) -> [(name: String, value: String)] {
        // Fails only for a key that holds no RSA key.
        guard let primitives = try? key.getKeyPrimitives() else { return [] }
        return [
            ("kty", "RSA"), ("n", Base64URL.encode(primitives.modulus.drop { $0 == 0 })),
            ("e", Base64URL.encode(primitives.publicExponent.drop { $0 == 0 })),
        ]
    }
}
