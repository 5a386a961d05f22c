import AccessTokens
import Crypto
import JOSE
import Testing

@Suite("The keys of an issuer", .timeLimit(.minutes(1)))
struct AccessTokenKeysTests {
    private static func document(_ entries: [JSONValue]) -> [UInt8] {
        JSON.serialize(["keys": .array(entries)])
    }

    private static func entry(use: String? = "sig", keyID: String? = "at-1") -> JSONValue {
        let key = PublicKey(P256.Signing.PrivateKey().publicKey)
        return .object(JSONWebKey(publicKey: key, use: use, keyID: keyID).object())
    }

    @Test("keys with use sig and a kid are taken")
    func taken() throws {
        let keys = try AccessTokenKeys(parsing: Self.document([Self.entry(), Self.entry(keyID: "at-2")]))
        #expect(keys.keyIDs == ["at-1", "at-2"])
        #expect(keys["at-2"] != nil)
        #expect(keys["at-3"] == nil)
    }

    @Test("other uses, keys without kid and unknown types are left out")
    func leftOut() throws {
        let keys = try AccessTokenKeys(
            parsing: Self.document([
                Self.entry(use: nil), Self.entry(use: "jwt-svid"), Self.entry(use: "enc"), Self.entry(keyID: nil),
                Self.entry(keyID: ""), ["kty": "OKP", "crv": "Ed448", "x": "AAAA", "use": "sig", "kid": "ed"],
            ]))
        #expect(keys.isEmpty)
    }

    @Test("a set with one fault is refused whole")
    func refused() {
        #expect(throws: AccessTokenKeysError.keysMissing) { try AccessTokenKeys(parsing: Array("{}".utf8)) }
        #expect(throws: AccessTokenKeysError.malformedJSON(.tooLong(maxBytes: 65_536))) {
            try AccessTokenKeys(parsing: [UInt8](repeating: 0x20, count: 65_537))
        }
        #expect(throws: AccessTokenKeysError.malformedEntry(index: 1)) {
            try AccessTokenKeys(parsing: Self.document([Self.entry(), 1]))
        }
        #expect(throws: AccessTokenKeysError.duplicateKeyID(index: 1)) {
            try AccessTokenKeys(parsing: Self.document([Self.entry(), Self.entry()]))
        }
        #expect(throws: AccessTokenKeysError.privateKey(index: 0)) {
            try AccessTokenKeys(parsing: Self.document([["kty": "oct", "k": "AAAA", "kid": "x", "use": "sig"]]))
        }
        #expect(throws: AccessTokenKeysError.tooManyEntries(max: 64)) {
            try AccessTokenKeys(parsing: Self.document((0..<65).map { Self.entry(keyID: "k\($0)") }))
        }
    }
}
