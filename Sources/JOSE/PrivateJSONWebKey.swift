package import Crypto
import CryptoExtras
import FoundationEssentials

/// A private key as a JWK carries it (RFC 7518 §6.2.2 and §6.3.2): ECDSA on P-256, P-384 or P-521, or RSA.
///
/// The key is kept by the cryptographic library, which overwrites it when it is released. Descriptions show nothing of it.
public struct PrivateJSONWebKey: Sendable {
    public let publicKey: PublicKey
    private let material: Material

    private enum Material: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey, PrivateRSAParameters)
    }

    /// Reads a private JWK; members that are not of the key are ignored.
    ///
    /// - Throws: ``JSONWebKeyError``; `.missingMember` of `d` for a public key, `.key` when private and public members are
    ///   of two keys.
    public init(_ object: JSONObject) throws(JSONWebKeyError) {
        guard let publicKey = try JSONWebKey(object).publicKey else { throw .key(.unsupportedKeyType) }
        self.publicKey = publicKey
        let exponent = try JSONWebKey.bytes("d", in: object)
        switch publicKey.material {
        case .p256(let expected):
            let key = try Self.parsed { try P256.Signing.PrivateKey(rawRepresentation: exponent) }
            try Self.check(key.publicKey.rawRepresentation == expected.rawRepresentation)
            self.material = .p256(key)
        case .p384(let expected):
            let key = try Self.parsed { try P384.Signing.PrivateKey(rawRepresentation: exponent) }
            try Self.check(key.publicKey.rawRepresentation == expected.rawRepresentation)
            self.material = .p384(key)
        case .p521(let expected):
            let key = try Self.parsed { try P521.Signing.PrivateKey(rawRepresentation: exponent) }
            try Self.check(key.publicKey.rawRepresentation == expected.rawRepresentation)
            self.material = .p521(key)
        case .rsa(let expected):
            let parameters = try PrivateRSAParameters(object, exponent: exponent)
            let key = try parameters.key(modulus: JSONWebKey.bytes("n", in: object), JSONWebKey.bytes("e", in: object))
            try Self.check(key.publicKey.derRepresentation == expected.derRepresentation)
            self.material = .rsa(key, parameters)
        case .ed25519:
            throw .key(.unsupportedKeyType)
        }
        // What the library does not notice of itself: a private half that belongs to other public members.
        try Self.check(self.signsForItsPublicKey)
    }

    package init(_ key: P256.Signing.PrivateKey) {
        self.publicKey = PublicKey(key.publicKey)
        self.material = .p256(key)
    }

    package init(_ key: P384.Signing.PrivateKey) {
        self.publicKey = PublicKey(key.publicKey)
        self.material = .p384(key)
    }

    package init(_ key: P521.Signing.PrivateKey) {
        self.publicKey = PublicKey(key.publicKey)
        self.material = .p521(key)
    }

    /// The private JWK: `kty`, the members of the public key, the private members; a secret.
    public func object() -> JSONObject {
        var object = JSONWebKey(publicKey: self.publicKey).object()
        switch self.material {
        case .p256(let key): object["d"] = .string(Base64URL.encode(key.rawRepresentation))
        case .p384(let key): object["d"] = .string(Base64URL.encode(key.rawRepresentation))
        case .p521(let key): object["d"] = .string(Base64URL.encode(key.rawRepresentation))
        case .rsa(_, let parameters):
            for (name, value) in parameters.members { object[name] = .string(Base64URL.encode(value)) }
        }
        return object
    }

    /// Signs a message as JWS does: ES* give `r || s` of fixed length.
    ///
    /// - Throws: ``JWSSigningError``; `.algorithmDoesNotMatchKey` when they do not go together.
    public func sign(_ message: [UInt8], algorithm: SignatureAlgorithm) throws(JWSSigningError) -> [UInt8] {
        guard self.publicKey.supportedAlgorithms.contains(algorithm) else {
            throw .algorithmDoesNotMatchKey(algorithm)
        }
        do {
            return switch self.material {
            case .p256(let key): Array(try key.signature(for: message).rawRepresentation)
            case .p384(let key): Array(try key.signature(for: message).rawRepresentation)
            case .p521(let key): Array(try key.signature(for: message).rawRepresentation)
            case .rsa(let key, _): Array(try key.signature(of: message, algorithm: algorithm).rawRepresentation)
            }
        } catch {
            throw .signingFailed
        }
    }

    private var signsForItsPublicKey: Bool {
        guard let algorithm = self.publicKey.supportedAlgorithms.first else { return false }
        let message = Array("a private key and its public key".utf8)
        guard let signature = try? self.sign(message, algorithm: algorithm) else { return false }
        return self.publicKey.isValidSignature(signature, for: message, algorithm: algorithm)
    }

    private static func check(_ belongsTogether: Bool) throws(JSONWebKeyError) {
        guard belongsTogether else { throw .key(.malformed) }
    }

    private static func parsed<Key>(_ parse: () throws -> Key) throws(JSONWebKeyError) -> Key {
        do { return try parse() } catch { throw .key(.malformed) }
    }
}

extension PrivateJSONWebKey: CustomStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension _RSA.Signing.PrivateKey {
    fileprivate func signature(
        of message: [UInt8], algorithm: SignatureAlgorithm
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
