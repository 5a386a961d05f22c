import AccessGrants
import AccessTokens
import SPIFFE
import Testing

@Suite("SPIFFE ID patterns", .timeLimit(.minutes(1)))
struct PatternTests {
    @Test(
        "a prefix is of whole segments",
        arguments: [
            ("/pay/*", "/pay/a", true), ("/pay/*", "/pay/a/b", true), ("/pay/*", "/pay", false),
            ("/pay/*", "/payments", false), ("/pay/*", "/payments/a", false), ("/*", "/pay", true),
            ("/*", "/spire/server", false), ("/*", "/spire", false), ("/*", "/spired", true), ("/pay", "/pay", true),
            ("/pay", "/pay/a", false),
        ])
    func matching(pattern: String, path: String, expected: Bool) throws {
        let id = try GrantFixture.id(path)
        let pattern = try GrantFixture.pattern(pattern)
        #expect(pattern.matches(id) == expected)
        #expect(SPIFFEIDPattern.all(matching: id).contains(pattern) == expected)
    }

    @Test("an ID of another trust domain matches nothing of ours")
    func foreign() throws {
        let foreign = try SPIFFEID(parsing: "spiffe://other.test/pay/a")
        #expect(!(try GrantFixture.pattern("/pay/*").matches(foreign)))
        #expect(!(try GrantFixture.pattern("/*").matches(foreign)))
    }

    @Test(
        "is read as it is written",
        arguments: ["spiffe://example.org/a", "spiffe://example.org/a/b/*", "spiffe://example.org/*"])
    func roundTrip(text: String) throws {
        #expect(try SPIFFEIDPattern(parsing: text, in: GrantFixture.trustDomain()).description == text)
    }

    @Test("a prefix that ends inside of a segment is refused", arguments: ["/pay*", "/a/pay*", "*"])
    func insideSegment(path: String) throws {
        #expect(throws: AccessRuleError.prefixInsideSegment) { try GrantFixture.pattern(path) }
    }

    @Test("what is not an ID of ours is refused")
    func refused() throws {
        let own = try GrantFixture.trustDomain()
        let other = try TrustDomain(parsing: "other.test")
        let reserved = try (GrantFixture.id("/spire"), GrantFixture.id("/spire/server"))
        let bare = try GrantFixture.id("")
        #expect(throws: AccessRuleError.foreignTrustDomain(other, served: own)) {
            try SPIFFEIDPattern(parsing: "spiffe://other.test/*", in: own)
        }
        #expect(throws: AccessRuleError.reservedPath(reserved.0)) {
            try GrantFixture.pattern("/spire/*")
        }
        #expect(throws: AccessRuleError.reservedPath(reserved.1)) {
            try GrantFixture.pattern("/spire/server")
        }
        #expect(throws: AccessRuleError.pathMissing(bare)) { try GrantFixture.pattern("") }
        #expect(throws: AccessRuleError.invalidSPIFFEID(.wrongScheme)) {
            try SPIFFEIDPattern(parsing: "https://example.org/*", in: own)
        }
        #expect(throws: AccessRuleError.invalidSPIFFEID(.trailingSlash)) { try GrantFixture.pattern("/pay//*") }
        #expect(throws: AccessRuleError.invalidSPIFFEID(.pathByte(UInt8(ascii: "*")))) {
            try GrantFixture.pattern("/*/a")
        }
    }
}
