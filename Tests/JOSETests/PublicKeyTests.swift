import Crypto
import CryptoExtras
import Foundation
import JOSE
import TestSupport
import Testing

@Suite("Public keys and JWS signatures (RFC 7518 §3)", .timeLimit(.minutes(1)))
struct PublicKeyTests {
    private let message = Array("the signing input".utf8)

    @Test("a signature of each algorithm is valid for its message only", arguments: SignatureAlgorithm.allCases)
    func signatures(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.publicKey(algorithm)
        let signature = try TestKeys.sign(self.message, algorithm)
        #expect(key.isValidSignature(signature, for: self.message, algorithm: algorithm))
        #expect(!key.isValidSignature(signature, for: self.message + [0], algorithm: algorithm))
        #expect(!key.isValidSignature(Array(signature.dropLast()), for: self.message, algorithm: algorithm))
        #expect(!key.isValidSignature(signature + [0], for: self.message, algorithm: algorithm))
        #expect(!key.isValidSignature([], for: self.message, algorithm: algorithm))
        #expect(!key.isValidSignature(signature.map { _ in 0 }, for: self.message, algorithm: algorithm))
    }

    @Test("JWT-35: a signature is valid for no other algorithm", arguments: SignatureAlgorithm.allCases)
    func otherAlgorithms(algorithm: SignatureAlgorithm) throws {
        let signature = try TestKeys.sign(self.message, algorithm)
        for other in SignatureAlgorithm.allCases where other != algorithm {
            for key in try [algorithm, other].map(TestKeys.publicKey) {
                #expect(!key.isValidSignature(signature, for: self.message, algorithm: other))
            }
        }
    }

    @Test("ECDSA signatures in DER are refused: JOSE's form is r and s of fixed length")
    func derSignature() throws {
        let signature = try TestKeys.p256.signature(for: self.message)
        let key = JOSE.PublicKey(TestKeys.p256.publicKey)
        #expect(!key.isValidSignature(Array(signature.derRepresentation), for: self.message, algorithm: .es256))
    }

    @Test("the algorithms of a key are those of its type and curve")
    func supported() throws {
        #expect(try TestKeys.publicKey(.es256).supportedAlgorithms == [.es256])
        #expect(try TestKeys.publicKey(.es384).supportedAlgorithms == [.es384])
        #expect(try TestKeys.publicKey(.es512).supportedAlgorithms == [.es512])
        #expect(try TestKeys.publicKey(.rs256).supportedAlgorithms == [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512])
    }

    @Test("an Ed25519 key comes back from its DER and its JWK, where one may be")
    func ed25519() throws {
        let key = try TestKeys.publicKey(.edDSA)
        #expect(key.supportedAlgorithms == [.edDSA])
        let der = key.subjectPublicKeyInfoDER
        #expect(try JOSE.PublicKey(subjectPublicKeyInfoDER: der, allowsEd25519: true) == key)
        #expect(throws: PublicKeyError.unsupportedKeyType) { try JOSE.PublicKey(subjectPublicKeyInfoDER: der) }
        let jwk = JSONWebKey(publicKey: key, use: "sig", keyID: "k").object()
        #expect(jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519")
        #expect(try JSONWebKey(jwk, allowsEd25519: true).publicKey == key)
        #expect(try JSONWebKey(jwk).publicKey == nil)
        #expect(throws: JSONWebKeyError.key(.malformed)) {
            try JSONWebKey(["kty": "OKP", "crv": "Ed25519", "x": "AAAA"], allowsEd25519: true)
        }
        #expect(try JSONWebKey(["kty": "OKP", "crv": "Ed448", "x": "AAAA"], allowsEd25519: true).publicKey == nil)
    }

    @Test("a key comes back from its DER", arguments: [SignatureAlgorithm.es256, .es384, .es512, .rs256])
    func roundTrip(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.publicKey(algorithm)
        let again = try JOSE.PublicKey(subjectPublicKeyInfoDER: key.subjectPublicKeyInfoDER)
        #expect(again == key)
        #expect(
            again.isValidSignature(try TestKeys.sign(self.message, algorithm), for: self.message, algorithm: algorithm))
    }

    @Test(
        "JWT-04: keys of types that sign no JWT-SVID are refused",
        arguments: [
            // Ed25519; EC on secp256k1; RSA for PSS only
            "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            """
            3056301006072a8648ce3d020106052b8104000a0342000479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f8
            1798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8
            """,
            "3010300b06092a864886f70d01010a030100",
        ])
    func unsupported(hex: String) throws {
        let der = try #require([UInt8](hex: hex))
        #expect(throws: PublicKeyError.unsupportedKeyType) { try JOSE.PublicKey(subjectPublicKeyInfoDER: der) }
    }

    @Test("RSA keys shorter than 2,048 bits are refused")
    func shortRSA() throws {
        let key = try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1_024)).publicKey
        #expect(throws: PublicKeyError.rsaModulusBits(1_024)) { try JOSE.PublicKey(key) }
        #expect(throws: PublicKeyError.rsaModulusBits(1_024)) {
            try JOSE.PublicKey(subjectPublicKeyInfoDER: Array(key.derRepresentation))
        }
    }

    @Test("another encoding of a key than the canonical one is refused")
    func nonCanonical() throws {
        let compressed = Array(TestKeys.p256.publicKey.compressedRepresentation)
        let header = try #require([UInt8](hex: "3039301306072a8648ce3d020106082a8648ce3d030107032200"))
        #expect(throws: PublicKeyError.malformed) {
            try JOSE.PublicKey(subjectPublicKeyInfoDER: header + compressed)
        }
        let canonical = Array(TestKeys.p256.publicKey.derRepresentation)
        #expect(throws: PublicKeyError.malformed) {
            try JOSE.PublicKey(subjectPublicKeyInfoDER: [0x30, 0x81, 0x59] + canonical.dropFirst(2))
        }
        #expect(throws: PublicKeyError.malformed) { try JOSE.PublicKey(subjectPublicKeyInfoDER: canonical + [0]) }
        #expect(throws: PublicKeyError.malformed) {
            try JOSE.PublicKey(subjectPublicKeyInfoDER: Array(TestKeys.rsa.get().publicKey.pkcs1DERRepresentation))
        }
    }

    @Test("bytes that are no key are refused")
    func noKeys() {
        #expect(throws: PublicKeyError.malformed) { try JOSE.PublicKey(subjectPublicKeyInfoDER: []) }
        #expect(throws: PublicKeyError.malformed) {
            try JOSE.PublicKey(subjectPublicKeyInfoDER: [UInt8](repeating: 0x30, count: 5_000))
        }
    }
}
