package import Crypto
package import CryptoExtras

/// A public key that verifies JWS signatures: ECDSA on P-256, P-384 or P-521, or RSA of 2,048 to 8,192 bits.
///
/// Keys of access tokens may be Ed25519, too; nothing that is public makes such a key of bytes, since no SVID has one.
///
/// Two keys are equal when their canonical DER encodings are.
public struct PublicKey: Sendable {
    /// The longest encoding that is looked at, in bytes; an RSA key of 8,192 bits takes 1,062.
    public static let maxSubjectPublicKeyInfoBytes = 4_096
    /// The sizes of RSA modulus that are accepted, in bits.
    public static let rsaModulusBits = 2_048...8_192

    /// The key as DER SubjectPublicKeyInfo, as in a certificate; EC points uncompressed.
    public let subjectPublicKeyInfoDER: [UInt8]
    let material: Material

    enum Material: Sendable {
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case rsa(_RSA.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    /// Parses a DER SubjectPublicKeyInfo; only its canonical encoding is accepted.
    public init(subjectPublicKeyInfoDER der: [UInt8]) throws(PublicKeyError) {
        try self.init(subjectPublicKeyInfoDER: der, allowsEd25519: false)
    }

    /// Parses a DER SubjectPublicKeyInfo, of an Ed25519 key (RFC 8410 §4) only where one may be.
    package init(subjectPublicKeyInfoDER der: [UInt8], allowsEd25519: Bool) throws(PublicKeyError) {
        guard der.count <= Self.maxSubjectPublicKeyInfoBytes else { throw .malformed }
        let info = try SubjectPublicKeyInfo(parsing: der)
        switch (info.algorithm, info.curve) {
        case (SubjectPublicKeyInfo.ecPublicKey, SubjectPublicKeyInfo.p256):
            self.init(try Self.parsed { try P256.Signing.PublicKey(x963Representation: info.key) })
        case (SubjectPublicKeyInfo.ecPublicKey, SubjectPublicKeyInfo.p384):
            self.init(try Self.parsed { try P384.Signing.PublicKey(x963Representation: info.key) })
        case (SubjectPublicKeyInfo.ecPublicKey, SubjectPublicKeyInfo.p521):
            self.init(try Self.parsed { try P521.Signing.PublicKey(x963Representation: info.key) })
        case (SubjectPublicKeyInfo.rsaEncryption, nil):
            try self.init(try Self.parsedRSA { try _RSA.Signing.PublicKey(unsafeDERRepresentation: der) })
        case (SubjectPublicKeyInfo.ed25519, nil) where allowsEd25519:
            self.init(try Self.parsed { try Curve25519.Signing.PublicKey(rawRepresentation: info.key) })
        default:
            throw .unsupportedKeyType
        }
        guard self.subjectPublicKeyInfoDER == der else { throw .malformed }
    }

    package init(_ key: P256.Signing.PublicKey) {
        self.material = .p256(key)
        self.subjectPublicKeyInfoDER = Array(key.derRepresentation)
    }

    package init(_ key: P384.Signing.PublicKey) {
        self.material = .p384(key)
        self.subjectPublicKeyInfoDER = Array(key.derRepresentation)
    }

    package init(_ key: P521.Signing.PublicKey) {
        self.material = .p521(key)
        self.subjectPublicKeyInfoDER = Array(key.derRepresentation)
    }

    package init(_ key: Curve25519.Signing.PublicKey) {
        self.material = .ed25519(key)
        self.subjectPublicKeyInfoDER = Array(key.derRepresentation)
    }

    /// - Throws: `.rsaModulusBits` when the key is too short or too long.
    package init(_ key: _RSA.Signing.PublicKey) throws(PublicKeyError) {
        guard Self.rsaModulusBits.contains(key.keySizeInBits) else { throw .rsaModulusBits(key.keySizeInBits) }
        self.material = .rsa(key)
        self.subjectPublicKeyInfoDER = Array(key.derRepresentation)
    }

    /// The algorithms whose signatures this key can verify; the one to sign with first.
    public var supportedAlgorithms: [SignatureAlgorithm] {
        switch self.material {
        case .p256: [.es256]
        case .p384: [.es384]
        case .p521: [.es512]
        case .rsa: [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        case .ed25519: [.edDSA]
        }
    }

    /// Whether `signature` was made over `message` with this key's private half and `algorithm`.
    ///
    /// ES* signatures are `r || s` of fixed length (RFC 7518 §3.4), PS* have a salt as long as the hash (§3.5).
    /// False, too, when key and algorithm do not go together.
    public func isValidSignature(
        _ signature: [UInt8], for message: [UInt8], algorithm: SignatureAlgorithm
    ) -> Bool {
        switch (self.material, algorithm) {
        case (.p256(let key), .es256):
            (try? P256.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: message) } ?? false
        case (.p384(let key), .es384):
            (try? P384.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: message) } ?? false
        case (.p521(let key), .es512):
            (try? P521.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: message) } ?? false
        case (.rsa(let key), .rs256), (.rsa(let key), .rs384), (.rsa(let key), .rs512):
            key.isValid(signature, for: message, algorithm: algorithm, padding: .insecurePKCS1v1_5)
        case (.rsa(let key), .ps256), (.rsa(let key), .ps384), (.rsa(let key), .ps512):
            key.isValid(signature, for: message, algorithm: algorithm, padding: .PSS)
        case (.ed25519(let key), .edDSA):
            key.isValidSignature(signature, for: message)
        default:
            false
        }
    }

    private static func parsed<Key>(_ parse: () throws -> Key) throws(PublicKeyError) -> Key {
        do { return try parse() } catch { throw .malformed }
    }

    static func parsedRSA(
        _ parse: () throws -> _RSA.Signing.PublicKey
    ) throws(PublicKeyError) -> _RSA.Signing.PublicKey {
        do { return try parse() } catch { throw .malformed }
    }
}

extension PublicKey: Hashable {
    public static func == (lhs: PublicKey, rhs: PublicKey) -> Bool {
        lhs.subjectPublicKeyInfoDER == rhs.subjectPublicKeyInfoDER
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.subjectPublicKeyInfoDER)
    }
}

extension PublicKey: CustomStringConvertible {
    public var description: String {
        switch self.material {
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        case .rsa(let key): "RSA \(key.keySizeInBits) bit"
        case .ed25519: "Ed25519"
        }
    }
}

extension _RSA.Signing.PublicKey {
    fileprivate func isValid(
        _ signature: [UInt8], for message: [UInt8], algorithm: SignatureAlgorithm, padding: _RSA.Signing.Padding
    ) -> Bool {
        let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return switch algorithm {
        case .rs256, .ps256: self.isValidSignature(signature, for: SHA256.hash(data: message), padding: padding)
        case .rs384, .ps384: self.isValidSignature(signature, for: SHA384.hash(data: message), padding: padding)
        case .rs512, .ps512: self.isValidSignature(signature, for: SHA512.hash(data: message), padding: padding)
        case .es256, .es384, .es512, .edDSA: false
        }
    }
}
