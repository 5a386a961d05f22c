import AccessGrants
import AccessTokens
import FoundationEssentials
import Testing

@Suite("Services and grants as values", .timeLimit(.minutes(1)))
struct RuleTests {
    @Test("service names", arguments: ["payments", "a", "0", "a.b_c-d", String(repeating: "a", count: 63)])
    func names(text: String) throws {
        #expect(try ServiceName(parsing: text).text == text)
    }

    @Test(
        "what is no service name is refused",
        arguments: ["", "Payments", "-a", ".a", "a b", "spiffe:a", "ä", String(repeating: "a", count: 64)])
    func noNames(text: String) {
        #expect(throws: AccessRuleError.invalidServiceName) { try ServiceName(parsing: text) }
    }

    @Test(
        "an audience is an absolute URI", arguments: ["spiffe://example.org/a", "https://a.test/b?c=d", "urn:a:b"])
    func audiences(text: String) throws {
        #expect(try AudienceURI(parsing: text).text == text)
    }

    @Test(
        "RFC 8707 §2: an audience that is relative or has a fragment is refused",
        arguments: ["", "payments", "/a", ":a", "https:", "https://a.test/#b", "https://a.test/ b", "1a:b", "a:\u{7F}"])
    func noAudiences(text: String) {
        #expect(throws: AccessRuleError.invalidAudience) { try AudienceURI(parsing: text) }
    }

    @Test("an audience is the SPIFFE ID by default, of a prefix without its end")
    func defaultAudience() throws {
        #expect(try GrantFixture.service().audience.text == "spiffe://example.org/payments")
        #expect(try GrantFixture.service(members: "/pay/*").audience.text == "spiffe://example.org/pay")
        #expect(throws: AccessRuleError.audienceTooLong(bytes: 2_049)) {
            try AudienceURI(parsing: "a:" + String(repeating: "b", count: 2_047))
        }
    }

    @Test("a service has an owner, and texts are printable and bounded")
    func texts() throws {
        #expect(throws: AccessRuleError.ownerMissing) { try GrantFixture.service(owners: []) }
        #expect(throws: AccessRuleError.invalidOwner) { try GrantFixture.service(owners: [""]) }
        #expect(throws: AccessRuleError.invalidOwner) { try GrantFixture.service(owners: ["a\nb"]) }
        #expect(throws: AccessRuleError.tooManyOwners(17)) {
            try GrantFixture.service(owners: Array(repeating: "a", count: 17))
        }
        #expect(throws: AccessRuleError.invalidText) { try GrantFixture.service(summary: "\u{1B}[31m") }
        #expect(throws: AccessRuleError.invalidText) {
            try GrantFixture.grant(reason: String(repeating: "a", count: 1_025))
        }
    }

    @Test("a lifetime lies in 300 to 900 seconds, and a grant has a scope")
    func bounds() throws {
        #expect(try GrantFixture.grant(lifetime: 300).maximumLifetime == .seconds(300))
        #expect(try GrantFixture.grant(lifetime: 900).maximumLifetime == .seconds(900))
        #expect(throws: AccessRuleError.lifetimeOutOfRange(seconds: 299)) { try GrantFixture.grant(lifetime: 299) }
        #expect(throws: AccessRuleError.lifetimeOutOfRange(seconds: 901)) { try GrantFixture.grant(lifetime: 901) }
        #expect(throws: AccessRuleError.scopeMissing) { try GrantFixture.grant("g", []) }
    }
}
