import JOSE
import TestSupport
import Testing

@Suite("Base64 (RFC 4648)", .timeLimit(.minutes(1)))
struct Base64Tests {
    /// RFC 4648 §10.
    private static let rfc4648 = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("the vectors of RFC 4648 §10", arguments: Self.rfc4648)
    func vectors(plain: String, encoded: String) throws {
        #expect(Base64.encode(plain.utf8) == encoded)
        #expect(try Base64.decode(encoded) == Array(plain.utf8))
        let unpadded = encoded.filter { $0 != "=" }
        #expect(Base64URL.encode(plain.utf8) == unpadded)
        #expect(try Base64URL.decode(unpadded) == Array(plain.utf8))
    }

    @Test("the alphabets differ in the last two characters")
    func alphabets() throws {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64URL.encode([0xFB, 0xFF]) == "-_8")
        #expect(throws: Base64Error.invalidCharacter(offset: 0)) { try Base64.decode("-_8=") }
        #expect(throws: Base64Error.invalidCharacter(offset: 0)) { try Base64URL.decode("+/8") }
    }

    @Test(
        "base64url that is not the one encoding of its bytes is refused",
        arguments: [
            ("Zg==", .invalidCharacter(offset: 2)), ("Zg=", .invalidCharacter(offset: 2)), ("Zm9v=", .invalidLength(5)),
            ("Z", .invalidLength(1)), ("Zm9vZ", .invalidLength(5)), ("Zh", .nonCanonicalTail),
            ("Zm9", .nonCanonicalTail), ("Zm9vZm\n", .invalidCharacter(offset: 6)),
            ("Zm 9", .invalidCharacter(offset: 2)), ("Zé", .invalidCharacter(offset: 1)),
            ("Zm9v\u{0}Zg", .invalidCharacter(offset: 4)),
        ] as [(String, Base64Error)])
    func refusedURL(text: String, error: Base64Error) {
        #expect(throws: error) { try Base64URL.decode(text) }
        #expect(throws: error) { try Base64URL.decode(Array(text.utf8)) }
    }

    @Test(
        "base64 that is not the one encoding of its bytes is refused",
        arguments: [
            ("Zg", .invalidLength(2)), ("Zg=", .invalidLength(3)), ("Zm9vYg=", .invalidLength(7)),
            ("=", .invalidLength(1)), ("====", .invalidCharacter(offset: 0)), ("Z===", .invalidCharacter(offset: 1)),
            ("Zh==", .nonCanonicalTail), ("Zm9=", .nonCanonicalTail), ("Zg==Zg==", .invalidCharacter(offset: 2)),
            ("Zm9v\r\n\r\n", .invalidCharacter(offset: 4)),
        ] as [(String, Base64Error)])
    func refused(text: String, error: Base64Error) {
        #expect(throws: error) { try Base64.decode(text) }
    }

    @Test("any bytes come back")
    func roundTrip() throws {
        var random = SeededRandom(seed: 1)
        for length in 0..<300 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(try Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(try Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
    }

    @Test("a text that decodes is the encoding of what it decodes to")
    func canonical() {
        let seeds = [[UInt8]("Zm9vYmFyLV8".utf8), Array("Zg".utf8), Array("Zm9vYg".utf8)]
        var accepted = 0
        for text in Mutations(of: seeds, count: 5_000, seed: 2) {
            guard let bytes = try? Base64URL.decode(text) else { continue }
            accepted += 1
            #expect(Array(Base64URL.encode(bytes).utf8) == text)
        }
        #expect(accepted > 100)
    }
}
