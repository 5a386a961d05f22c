package import FoundationEssentials
package import JOSE
package import KeyManagement

/// The keys of access tokens in force, as one immutable snapshot: which one signs, and what everybody validates with.
package struct TokenKeyState: Sendable {
    /// The key that signs.
    package let signer: TokenSigner
    /// Every key that is prepared, active or not yet expired, and not withdrawn.
    package let keys: [TokenKey]
    /// The JWK Set of ``keys`` (RFC 7517 §5).
    package let jwkSet: [UInt8]

    init(signer: TokenSigner, keys: [TokenKey]) {
        self.signer = signer
        self.keys = keys
        self.jwkSet = JSON.serialize(.object(["keys": .array(keys.map { .object($0.jwk) })]))
    }
}

/// A key of access tokens that signs.
package struct TokenSigner: Sendable {
    package let keyID: String
    package let algorithm: SignatureAlgorithm
    /// No token by this key lives longer.
    package let expiresAt: Date
    private let key: SigningKey

    init(_ tokenKey: TokenKey, key: SigningKey) {
        self.keyID = tokenKey.id
        self.algorithm = tokenKey.algorithm
        self.expiresAt = tokenKey.expiresAt
        self.key = key
    }

    /// Signs as JWS does.
    package func sign(_ message: [UInt8]) throws(KeyManagerError) -> [UInt8] {
        try self.key.sign(message, algorithm: self.algorithm)
    }
}
