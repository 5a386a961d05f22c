package import FoundationEssentials
package import JOSE

/// A key that signs access tokens, as the JWK Set shows it, and the name of its private key.
///
/// Never in the trust bundle: who validates SVIDs does not know it, and who validates access tokens knows no other.
package struct TokenKey: RotatingAuthority {
    /// The `kid`: 32 letters and digits, chosen at random.
    package let id: String
    package let publicKey: JOSE.PublicKey
    /// The only algorithm it signs with.
    package let algorithm: SignatureAlgorithm
    package let keyName: String
    /// When its lifetime begins; it is published before that.
    package let issuedAt: Date
    package let expiresAt: Date

    package var validFrom: Date? { nil }
    /// As soon as it signs: validators know its successor when it is withdrawn.
    package var successorDue: Date { .distantPast }

    /// The entry of the JWK Set (RFC 7517 §4).
    package var jwk: JSONObject {
        var object = JSONWebKey(publicKey: self.publicKey, use: "sig", keyID: self.id).object()
        object["alg"] = .string(self.algorithm.rawValue)
        return object
    }
}
