import SPIFFE
import SPIFFETLS
import Testing

@Suite("Peer policy", .timeLimit(.minutes(1)))
struct PeerPolicyTests {
    @Test("an exact policy authorizes the ID it names and no other")
    func exactly() throws {
        let policy = PeerPolicy.exactly(id("spiffe://example.org/orders"))
        #expect(policy.authorizes(id("spiffe://example.org/orders")))
        #expect(!policy.authorizes(id("spiffe://example.org/orders/2")))
        #expect(!policy.authorizes(id("spiffe://other.test/orders")))
    }

    @Test("a list authorizes the IDs it names and no others")
    func oneOf() throws {
        let policy = PeerPolicy.oneOf([id("spiffe://example.org/orders"), id("spiffe://other.test/audits")])
        #expect(policy.authorizes(id("spiffe://example.org/orders")))
        #expect(policy.authorizes(id("spiffe://other.test/audits")))
        #expect(!policy.authorizes(id("spiffe://example.org/audits")))
    }

    @Test("an empty list authorizes nobody")
    func nobody() throws {
        #expect(!PeerPolicy.oneOf([]).authorizes(id("spiffe://example.org/orders")))
    }

    @Test("a pattern authorizes paths that fit it by whole segments, in its own trust domain only")
    func path() throws {
        let policy = PeerPolicy.path(matching: try SPIFFEIDPattern(parsing: "spiffe://example.org/ns/*/web"))
        #expect(policy.authorizes(id("spiffe://example.org/ns/prod/web")))
        #expect(!policy.authorizes(id("spiffe://other.test/ns/prod/web")))
        #expect(!policy.authorizes(id("spiffe://example.org/ns/prod/web2")))
    }

    @Test("a member of the trust domain is authorized, a member of another one that begins alike is not")
    func memberOf() throws {
        let policy = PeerPolicy.memberOf(try TrustDomain(parsing: "example.org"))
        #expect(policy.authorizes(id("spiffe://example.org/orders")))
        #expect(!policy.authorizes(id("spiffe://example.org.test/orders")))
        #expect(!policy.authorizes(id("spiffe://sub.example.org/orders")))
    }

    @Test("a predicate decides for itself")
    func predicate() throws {
        let policy = PeerPolicy.predicate { $0.path.hasPrefix("/team/") }
        #expect(policy.authorizes(id("spiffe://example.org/team/a")))
        #expect(!policy.authorizes(id("spiffe://example.org/orders")))
    }
}
