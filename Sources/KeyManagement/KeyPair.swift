import Crypto
import CryptoExtras
import FoundationEssentials
package import JOSE
package import X509

/// A private key in this process, and its public half.
///
/// The private key is kept by the cryptographic library, which overwrites it when it is released; ``pkcs8DER`` is
/// made anew at each use. Descriptions show nothing of it.
package struct KeyPair: Sendable {
    package let type: KeyType
    package let publicKey: JOSE.PublicKey
    private let material: Material

    private enum Material: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    /// Makes a new key from the system's randomness.
    ///
    /// An RSA key takes up to seconds; call it where waiting is fine.
    package static func generate(_ type: KeyType) throws(KeyPairError) -> KeyPair {
        switch type {
        case .ecP256: return KeyPair(P256.Signing.PrivateKey(compactRepresentable: false))
        case .ecP384: return KeyPair(P384.Signing.PrivateKey(compactRepresentable: false))
        case .rsa2048, .rsa4096:
            do {
                return try KeyPair(_RSA.Signing.PrivateKey(keySize: type == .rsa2048 ? .bits2048 : .bits4096))
            } catch {
                throw .generationFailed(type)
            }
        case .ed25519: return KeyPair(Curve25519.Signing.PrivateKey())
        }
    }

    /// Parses a DER PKCS#8 key of one of the ``KeyType``s; PKCS#1 and SEC1 keys are refused.
    package init(pkcs8DER der: [UInt8]) throws(KeyPairError) {
        switch try PKCS8.algorithm(of: der) {
        case .p256:
            self.init(try Self.parsed { try P256.Signing.PrivateKey(derRepresentation: der) })
        case .p384:
            self.init(try Self.parsed { try P384.Signing.PrivateKey(derRepresentation: der) })
        case .rsa:
            try self.init(try Self.parsed { try _RSA.Signing.PrivateKey(derRepresentation: der) })
        case .ed25519:
            self.init(try Self.parsed { try Curve25519.Signing.PrivateKey(derRepresentation: der) })
        }
    }

    /// The private key as PKCS#8 in DER: a secret.
    package var pkcs8DER: [UInt8] {
        switch self.material {
        case .p256(let key): Array(key.derRepresentation)
        case .p384(let key): Array(key.derRepresentation)
        case .rsa(let key): Array(key.pkcs8DERRepresentation)
        case .ed25519(let key): Array(key.derRepresentation)
        }
    }

    /// The key in the form in which certificates are signed with it.
    package var certificateKey: Certificate.PrivateKey {
        switch self.material {
        case .p256(let key): Certificate.PrivateKey(key)
        case .p384(let key): Certificate.PrivateKey(key)
        case .rsa(let key): Certificate.PrivateKey(key)
        case .ed25519(let key): Certificate.PrivateKey(key)
        }
    }

    /// Signs a message as JWS does: ES* give `r || s` of fixed length.
    ///
    /// - Throws: `.unsupportedAlgorithm` when key and algorithm do not go together.
    package func sign(_ message: [UInt8], algorithm: JOSE.SignatureAlgorithm) throws(KeyPairError) -> [UInt8] {
        guard self.publicKey.supportedAlgorithms.contains(algorithm) else {
            throw .unsupportedAlgorithm(self.type, algorithm)
        }
        do {
            return switch self.material {
            case .p256(let key): Array(try key.signature(for: message).rawRepresentation)
            case .p384(let key): Array(try key.signature(for: message).rawRepresentation)
            case .rsa(let key): Array(try key.signature(of: message, algorithm: algorithm).rawRepresentation)
            case .ed25519(let key): Array(try key.signature(for: message))
            }
        } catch {
            throw .signingFailed(self.type)
        }
    }

    private init(_ key: P256.Signing.PrivateKey) {
        self.type = .ecP256
        self.publicKey = JOSE.PublicKey(key.publicKey)
        self.material = .p256(key)
    }

    private init(_ key: P384.Signing.PrivateKey) {
        self.type = .ecP384
        self.publicKey = JOSE.PublicKey(key.publicKey)
        self.material = .p384(key)
    }

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.type = .ed25519
        self.publicKey = JOSE.PublicKey(key.publicKey)
        self.material = .ed25519(key)
    }

    private init(_ key: _RSA.Signing.PrivateKey) throws(KeyPairError) {
        switch key.keySizeInBits {
        case 2_048: self.type = .rsa2048
        case 4_096: self.type = .rsa4096
        default: throw .unsupportedKeyType
        }
        do { self.publicKey = try JOSE.PublicKey(key.publicKey) } catch { throw .unsupportedKeyType }
        self.material = .rsa(key)
    }

    private static func parsed<Key>(_ parse: () throws -> Key) throws(KeyPairError) -> Key {
        do { return try parse() } catch { throw .malformed }
    }
}

extension KeyPair: CustomStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension _RSA.Signing.PrivateKey {
    fileprivate func signature(
        of message: [UInt8], algorithm: JOSE.SignatureAlgorithm
    ) throws -> _RSA.Signing.RSASignature {
        let padding: _RSA.Signing.Padding =
            switch algorithm {
            case .ps256, .ps384, .ps512: .PSS
            default: .insecurePKCS1v1_5
            }
        return switch algorithm {
        case .rs384, .ps384: try self.signature(for: SHA384.hash(data: message), padding: padding)
        case .rs512, .ps512: try self.signature(for: SHA512.hash(data: message), padding: padding)
        default: try self.signature(for: SHA256.hash(data: message), padding: padding)
        }
    }
}
