import Crypto
import JOSE
import TestSupport
import Testing

@Suite("Private JWKs (RFC 7518 §6.2.2, §6.3.2)", .timeLimit(.minutes(1)))
struct PrivateJSONWebKeyTests {
    private static let keys = [
        PrivateJSONWebKey(TestKeys.p256), PrivateJSONWebKey(TestKeys.p384), PrivateJSONWebKey(TestKeys.p521),
    ]

    @Test("a key is read as it was written, and signs for the same public key", arguments: Self.keys)
    func roundTrip(_ key: PrivateJSONWebKey) throws {
        let read = try PrivateJSONWebKey(key.object())
        #expect(read.publicKey == key.publicKey)
        #expect(read.object() == key.object())
        let algorithm = try #require(key.publicKey.supportedAlgorithms.first)
        let signature = try read.sign(Array("message".utf8), algorithm: algorithm)
        #expect(key.publicKey.isValidSignature(signature, for: Array("message".utf8), algorithm: algorithm))
    }

    @Test("EC members are kty, crv, x, y, d, each of full length")
    func members() throws {
        for (key, length) in zip(Self.keys, [32, 48, 66]) {
            let object = key.object()
            #expect(object.members.map(\.name) == ["kty", "crv", "x", "y", "d"])
            #expect(try Base64URL.decode(object["d"]?.string ?? "").count == length)
        }
    }

    @Test("a key does not sign with an algorithm of other keys")
    func otherAlgorithm() {
        #expect(throws: JWSSigningError.algorithmDoesNotMatchKey(.es384)) {
            try Self.keys[0].sign([], algorithm: .es384)
        }
    }

    @Test("the private half of another key is refused, and so are public keys")
    func refusals() throws {
        var object = Self.keys[0].object()
        object["d"] = PrivateJSONWebKey(P256.Signing.PrivateKey()).object()["d"]
        #expect(throws: JSONWebKeyError.key(.malformed)) { try PrivateJSONWebKey(object) }
        object["d"] = "%%%%"
        #expect(throws: JSONWebKeyError.memberEncoding("d", .invalidCharacter(offset: 0))) {
            try PrivateJSONWebKey(object)
        }
        object["d"] = Optional<JSONValue>.none
        #expect(throws: JSONWebKeyError.missingMember("d")) { try PrivateJSONWebKey(object) }
        object["kty"] = "AKP"
        #expect(throws: JSONWebKeyError.key(.unsupportedKeyType)) { try PrivateJSONWebKey(object) }
    }

    @Test("the key is in no description and no dump")
    func redaction() throws {
        var text = "\(Self.keys[0]) \(String(reflecting: Self.keys[0]))"
        dump(Self.keys[0], to: &text)
        #expect(!text.contains(try #require(Self.keys[0].object()["d"]?.string)))
        #expect(text.contains("<redacted>"))
    }
}
