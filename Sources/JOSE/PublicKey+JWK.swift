import Crypto
import CryptoExtras
import FoundationEssentials

/// Public keys as the parameters of a JWK (RFC 7518 §6.2 and §6.3, RFC 8037 §2).
extension PublicKey {
    /// The `kty` of the key.
    var jwkKeyType: String {
        switch self.material {
        case .p256, .p384, .p521: "EC"
        case .rsa: "RSA"
        case .ed25519: "OKP"
        }
    }

    /// The members that hold the key: `crv`, `x`, `y`, or `n`, `e`, or `crv`, `x`.
    var jwkParameters: [(name: String, value: String)] {
        switch self.material {
        case .p256(let key): Self.parameters(curve: "P-256", coordinates: Array(key.rawRepresentation))
        case .p384(let key): Self.parameters(curve: "P-384", coordinates: Array(key.rawRepresentation))
        case .p521(let key): Self.parameters(curve: "P-521", coordinates: Array(key.rawRepresentation))
        case .rsa(let key): Self.parameters(rsa: key)
        case .ed25519(let key): [("crv", "Ed25519"), ("x", Base64URL.encode(key.rawRepresentation))]
        }
    }

    private static func parameters(curve: String, coordinates: [UInt8]) -> [(name: String, value: String)] {
        let length = coordinates.count / 2
        return [
            ("crv", curve), ("x", Base64URL.encode(coordinates.prefix(length))),
            ("y", Base64URL.encode(coordinates.suffix(length))),
        ]
    }

    private static func parameters(rsa key: _RSA.Signing.PublicKey) -> [(name: String, value: String)] {
        // Fails only for a key that holds no RSA key, which the initializers exclude.
        guard let primitives = try? key.getKeyPrimitives() else { return [] }
        return [
            ("n", Base64URL.encode(primitives.modulus.drop { $0 == 0 })),
            ("e", Base64URL.encode(primitives.publicExponent.drop { $0 == 0 })),
        ]
    }

    /// Parses an EC key; nil when the curve is none of ours.
    init?(curve: String, x: [UInt8], y: [UInt8]) throws(PublicKeyError) {
        // Coordinates have the full length of the field (RFC 7518 §6.2.1.2).
        let lengths = ["P-256": 32, "P-384": 48, "P-521": 66]
        guard let length = lengths[curve] else { return nil }
        guard x.count == length, y.count == length else { throw .malformed }
        do {
            switch curve {
            case "P-256": self.init(try P256.Signing.PublicKey(rawRepresentation: x + y))
            case "P-384": self.init(try P384.Signing.PublicKey(rawRepresentation: x + y))
            default: self.init(try P521.Signing.PublicKey(rawRepresentation: x + y))
            }
        } catch {
            throw .malformed
        }
    }

    /// Parses an Ed25519 key.
    init(ed25519 x: [UInt8]) throws(PublicKeyError) {
        do { self.init(try Curve25519.Signing.PublicKey(rawRepresentation: x)) } catch { throw .malformed }
    }

    /// Parses an RSA key from numbers without leading zeros (RFC 7518 §2, Base64urlUInt).
    init(modulus: [UInt8], exponent: [UInt8]) throws(PublicKeyError) {
        guard let first = modulus.first, first != 0, let last = exponent.first, last != 0 else { throw .malformed }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard Self.rsaModulusBits.contains(bits) else { throw .rsaModulusBits(bits) }
        // No exponent in use is longer, and a long one makes verification slow.
        guard exponent.count <= 4 else { throw .malformed }
        try self.init(try Self.parsedRSA { try _RSA.Signing.PublicKey(n: modulus, e: exponent) })
    }
}
