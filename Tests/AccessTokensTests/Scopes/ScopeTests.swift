import AccessTokens
import JOSE
import Testing

@Suite("RFC 6749 §3.3 scopes", .timeLimit(.minutes(1)))
struct ScopeTests {
    @Test(
        "visible ASCII without quotation mark and backslash is a scope",
        arguments: [
            "payments:create", "read:users", "call:orders", "gateway:orders", "!", "#", "[", "]", "~", "a/b?c=d",
        ])
    func accepted(name: String) throws {
        #expect(try Scope(parsing: name).name == name)
    }

    @Test(
        "every other byte is refused",
        arguments: Array(UInt8.min...0x20) + [0x22, 0x5C, 0x7F])
    func refused(byte: UInt8) {
        #expect(throws: ScopeError.forbiddenByte(byte)) {
            try Scope(parsing: "a" + String(decoding: [byte], as: UTF8.self))
        }
    }

    @Test("characters beyond ASCII are refused")
    func notASCII() {
        #expect(throws: ScopeError.forbiddenByte(0xC3)) { try Scope(parsing: "é") }
    }

    @Test("a scope has 1 to 128 bytes")
    func length() throws {
        #expect(throws: ScopeError.empty) { try Scope(parsing: "") }
        #expect(try Scope(parsing: String(repeating: "a", count: 128)).name.utf8.count == 128)
        #expect(throws: ScopeError.tooLong(maxBytes: 128)) {
            try Scope(parsing: String(repeating: "a", count: 129))
        }
    }

    @Test("case counts")
    func caseCounts() throws {
        #expect(try Scope(parsing: "Read") != Scope(parsing: "read"))
    }
}

@Suite("Sets of scopes", .timeLimit(.minutes(1)))
struct ScopeSetTests {
    @Test("the text is sorted and has each scope once")
    func sorted() throws {
        #expect(try ScopeSet(parsing: "b a b").text == "a b")
        #expect(try ScopeSet(parsing: ["b", "a", "b"]).names == ["a", "b"])
    }

    @Test("the empty text is the empty set")
    func empty() throws {
        #expect(try ScopeSet(parsing: "") == .none)
        #expect(ScopeSet.none.isEmpty)
        #expect(ScopeSet.none.text == "")
    }

    @Test("there is exactly one space between two scopes", arguments: [" a", "a ", "a  b", " "])
    func spaces(text: String) {
        #expect(throws: ScopeError.empty) { try ScopeSet(parsing: text) }
    }

    @Test("control characters separate nothing", arguments: ["a\tb", "a\nb", "a\u{0}b"])
    func controlCharacters(text: String) {
        #expect(throws: ScopeError.forbiddenByte(Array(text.utf8)[1])) { try ScopeSet(parsing: text) }
    }

    @Test("there are at most 64 scopes")
    func tooMany() throws {
        let names = (0..<65).map { "s\($0)" }
        #expect(try ScopeSet(parsing: Array(names.prefix(64))).count == 64)
        #expect(throws: ScopeError.tooMany(maxScopes: 64)) { try ScopeSet(parsing: names) }
        #expect(throws: ScopeError.tooMany(maxScopes: 64)) { try ScopeSet(parsing: names.joined(separator: " ")) }
        let longest = String(repeating: "a", count: ScopeSet.maxTextBytes + 1)
        #expect(throws: ScopeError.tooMany(maxScopes: 64)) { try ScopeSet(parsing: longest) }
    }

    @Test("superset, intersection and difference")
    func algebra() throws {
        let both = try ScopeSet(parsing: "a b")
        let one = try ScopeSet(parsing: "b")
        let other = try ScopeSet(parsing: "b c")
        #expect(both.isSuperset(of: one))
        #expect(!both.isSuperset(of: other))
        #expect(both.isSuperset(of: .none))
        #expect(both.intersects(other))
        #expect(!both.intersects(.none))
        #expect(both.intersection(other) == one)
        #expect(try both.subtracting(other) == ScopeSet(parsing: "a"))
    }

    @Test("a token has its scopes in the string scope or in the array scopes")
    func claims() throws {
        let expected = try ScopeSet(parsing: "a b")
        #expect(try ScopeSet(claims: ["scope": "b a"]) == expected)
        #expect(try ScopeSet(claims: ["scopes": ["b", "a"]]) == expected)
        #expect(try ScopeSet(claims: ["scope": "a b", "scopes": ["b", "a"]]) == expected)
        #expect(try ScopeSet(claims: [:]) == .none)
    }

    @Test("scope and scopes that differ are refused, and never merged")
    func contradiction() {
        #expect(throws: ScopeError.contradictoryClaims) { try ScopeSet(claims: ["scope": "a", "scopes": ["a", "b"]]) }
        #expect(throws: ScopeError.contradictoryClaims) { try ScopeSet(claims: ["scope": "a", "scopes": []]) }
    }

    @Test("scope is a string and scopes an array of strings")
    func malformed() {
        #expect(throws: ScopeError.malformedClaim("scope")) { try ScopeSet(claims: ["scope": ["a"]]) }
        #expect(throws: ScopeError.malformedClaim("scope")) { try ScopeSet(claims: ["scope": nil]) }
        #expect(throws: ScopeError.malformedClaim("scopes")) { try ScopeSet(claims: ["scopes": "a"]) }
        #expect(throws: ScopeError.malformedClaim("scopes")) { try ScopeSet(claims: ["scopes": ["a", 1]]) }
    }
}
