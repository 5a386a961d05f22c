package import JOSE
package import X509

/// A key of a ``KeyManager``: what an authority signs with.
package struct SigningKey: Sendable {
    /// The name under which the key manager keeps it.
    package let id: String
    package let type: KeyType
    package let publicKey: JOSE.PublicKey
    let keyPair: KeyPair

    init(id: String, keyPair: KeyPair) {
        self.id = id
        self.type = keyPair.type
        self.publicKey = keyPair.publicKey
        self.keyPair = keyPair
    }

    /// The key in the form in which certificates are signed with it.
    package var certificateKey: Certificate.PrivateKey { self.keyPair.certificateKey }

    /// Signs a message as JWS does: ES* give `r || s` of fixed length.
    ///
    /// - Throws: `.key` with `.unsupportedAlgorithm` when key and algorithm do not go together.
    package func sign(
        _ message: [UInt8], algorithm: JOSE.SignatureAlgorithm
    ) throws(KeyManagerError) -> [UInt8] {
        do { return try self.keyPair.sign(message, algorithm: algorithm) } catch { throw .key(id: self.id, error) }
    }
}

extension SigningKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
