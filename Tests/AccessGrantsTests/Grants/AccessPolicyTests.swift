import AccessGrants
import AccessTokens
import FoundationEssentials
import Testing

@Suite("Decisions about tokens", .timeLimit(.minutes(1)))
struct AccessPolicyTests {
    private let now = GrantFixture.now

    private func decide(
        _ policy: AccessPolicy, _ caller: String = "/orders", _ audience: String = "payments",
        _ scopes: [String]? = nil,
        after seconds: TimeInterval = 0
    ) throws -> GrantDecision {
        try policy.decide(
            caller: GrantFixture.id(caller), audience: audience, scopes: scopes.map { try ScopeSet(parsing: $0) },
            now: self.now.addingTimeInterval(seconds))
    }

    /// Why there is no decision; nil where there is one.
    private func refusal(
        _ policy: AccessPolicy, _ caller: String = "/orders", _ audience: String = "payments",
        _ scopes: [String]? = nil, after seconds: TimeInterval = 0
    ) throws -> GrantRefusal? {
        do {
            _ = try self.decide(policy, caller, audience, scopes, after: seconds)
            return nil
        } catch let refusal as GrantRefusal {
            return refusal
        }
    }

    @Test("a granted scope is given, by the service's name and by its audience")
    func granted() throws {
        let policy = try GrantFixture.policy([GrantFixture.service()], [GrantFixture.grant("g", ["a", "b"])])
        for audience in ["payments", "spiffe://example.org/payments"] {
            let decision = try self.decide(policy, "/orders", audience, ["a"])
            #expect(decision.scopes.names == ["a"])
            #expect(decision.lifetime == .seconds(600))
            #expect(decision.grantIDs == ["g"])
            #expect(decision.service.audience.text == "spiffe://example.org/payments")
        }
        #expect(Set(try self.decide(policy).scopes.names) == ["a", "b"])
    }

    @Test("asking for more than is granted is refused, never silently less")
    func more() throws {
        let policy = try GrantFixture.policy([GrantFixture.service()], [GrantFixture.grant("g", ["a", "b"])])
        #expect(
            try self.refusal(policy, "/orders", "payments", ["a", "c"]) == .scopesNotGranted([Scope(parsing: "c")]))
        #expect(try self.refusal(policy, "/orders", "payments", []) == .noScope)
    }

    @Test("nothing is granted by default")
    func refusals() throws {
        let policy = try GrantFixture.policy(
            [GrantFixture.service(), GrantFixture.service("ledger")], [GrantFixture.grant()])
        #expect(try self.refusal(policy, "/stranger") == .unknownCaller(GrantFixture.id("/stranger")))
        #expect(try self.refusal(policy, "/orders/sub") == .unknownCaller(GrantFixture.id("/orders/sub")))
        #expect(try self.refusal(policy, "/orders", "nobody") == .unknownAudience)
        #expect(try self.refusal(policy, "/orders", "spiffe://example.org/x") == .unknownAudience)
        #expect(try self.refusal(policy, "/orders", "ledger") == .notGranted(ServiceName(parsing: "ledger")))
        // A service is a client, too, and may not even call itself unless that is granted.
        #expect(try self.refusal(policy, "/payments") == .notGranted(ServiceName(parsing: "payments")))
        #expect(try self.refusal(AccessPolicy()) == .unknownCaller(GrantFixture.id("/orders")))
    }

    @Test("grants to a prefix and to an ID add up")
    func union() throws {
        let policy = try GrantFixture.policy(
            [GrantFixture.service()],
            [
                GrantFixture.grant("1", from: "/shop/orders", ["a"]), GrantFixture.grant("2", from: "/shop/*", ["b"]),
                GrantFixture.grant("3", from: "/*", ["c"]), GrantFixture.grant("4", from: "/shop/other", ["d"]),
            ])
        let decision = try self.decide(policy, "/shop/orders")
        #expect(Set(decision.scopes.names) == ["a", "b", "c"])
        #expect(Set(decision.grantIDs) == ["1", "2", "3"])
        #expect(try self.decide(policy, "/shop/orders", "payments", ["b"]).grantIDs == ["2"])
    }

    @Test("a temporary grant ends at its moment, and no token outlives it")
    func temporary() throws {
        let policy = try GrantFixture.policy(
            [GrantFixture.service()], [GrantFixture.grant(until: self.now.addingTimeInterval(1_000))])
        #expect(try self.decide(policy).lifetime == .seconds(600))
        #expect(try self.decide(policy, after: 900).lifetime == .seconds(100))
        #expect(try self.decide(policy, after: 999.5).lifetime == .seconds(1))
        #expect(try self.refusal(policy, after: 1_000) == .expired(ServiceName(parsing: "payments")))
    }

    @Test("a token lives as long as the shortest of its scopes, each by its most generous grant")
    func lifetimes() throws {
        let policy = try GrantFixture.policy(
            [GrantFixture.service()],
            [
                GrantFixture.grant("1", ["a", "b"], lifetime: 300), GrantFixture.grant("2", ["b"], lifetime: 900),
                GrantFixture.grant("3", ["c"]),
            ])
        #expect(try self.decide(policy, "/orders", "payments", ["a"]).lifetime == .seconds(300))
        #expect(try self.decide(policy, "/orders", "payments", ["b"]).lifetime == .seconds(900))
        #expect(try self.decide(policy, "/orders", "payments", ["b", "c"]).lifetime == .seconds(600))
        #expect(try self.decide(policy).lifetime == .seconds(300))
    }

    @Test("more scopes than a token holds must be asked for by name")
    func tooMany() throws {
        let all = (0..<70).map { "s\($0)" }
        let policy = try GrantFixture.policy(
            [GrantFixture.service()],
            [GrantFixture.grant("1", Array(all.prefix(40))), GrantFixture.grant("2", Array(all.suffix(40)))])
        #expect(try self.refusal(policy) == .tooManyScopes(70))
        #expect(try self.decide(policy, "/orders", "payments", ["s1", "s69"]).grantIDs == ["1", "2"])
    }

    @Test("a deleted grant and a moved service leave nothing behind")
    func changes() throws {
        var policy = try GrantFixture.policy([GrantFixture.service()], [GrantFixture.grant()])
        policy.apply(.putService(try GrantFixture.service(members: "/new", audience: "https://pay.test")))
        #expect(policy.service(named: "spiffe://example.org/payments") == nil)
        #expect(policy.service(named: "https://pay.test")?.name.text == "payments")
        #expect(!policy.knows(try GrantFixture.id("/payments")))
        policy.apply(.deleteGrant(id: "g"))
        #expect(!policy.knows(try GrantFixture.id("/orders")))
        policy.apply(.deleteService(try ServiceName(parsing: "payments")))
        #expect(policy == AccessPolicy())
    }

    @Test("changes that contradict the policy are refused")
    func checks() throws {
        let policy = try GrantFixture.policy([GrantFixture.service()], [GrantFixture.grant()])
        let payments = try ServiceName(parsing: "payments")
        let ledger = try ServiceName(parsing: "ledger")
        let audience = try AudienceURI(parsing: "spiffe://example.org/payments")
        #expect(throws: AccessRefusal.audienceTaken(audience, by: payments)) {
            try policy.check(.putService(GrantFixture.service("ledger", audience: audience.text)))
        }
        #expect(throws: AccessRefusal.grantsRemain(payments, count: 1)) { try policy.check(.deleteService(payments)) }
        #expect(throws: AccessRefusal.serviceNotFound(ledger)) { try policy.check(.deleteService(ledger)) }
        #expect(throws: AccessRefusal.serviceNotFound(ledger)) {
            try policy.check(.putGrant(GrantFixture.grant("h", to: "ledger")))
        }
        #expect(throws: AccessRefusal.grantExists(id: "g")) {
            try policy.check(.putGrant(GrantFixture.grant("h", reason: "another")))
        }
        #expect(throws: AccessRefusal.grantNotFound("h")) { try policy.check(.deleteGrant(id: "h")) }
        try policy.check(.putGrant(GrantFixture.grant("h", ["other"])))
    }
}
