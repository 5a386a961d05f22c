import AccessGrants
import AccessTokens
import Testing

@Suite("An owner's policy", .timeLimit(.minutes(1)))
struct OwnedPolicyTests {
    private func applied(_ owned: OwnedPolicy, to policy: AccessPolicy) throws -> AccessPolicy {
        var policy = policy
        for step in try policy.steps(toward: owned) { policy.apply(step.change) }
        return policy
    }

    @Test("is made true by creating, and doing it again changes nothing")
    func idempotent() throws {
        let owned = OwnedPolicy(
            owner: "team", services: [try GrantFixture.service()], grants: [try GrantFixture.grant()])
        let steps = try AccessPolicy().steps(toward: owned)
        #expect(steps.map(\.kind) == [.create, .create])
        #expect(
            steps.map(\.subject) == [
                "service payments", "grant spiffe://example.org/orders → payments: payments:create",
            ])
        let again = OwnedPolicy(
            owner: "team", services: [try GrantFixture.service()], grants: [try GrantFixture.grant("another-id")])
        #expect(try self.applied(owned, to: AccessPolicy()).steps(toward: again) == [])
    }

    @Test("replaces what differs and deletes what is not mentioned, of the owner alone")
    func changes() throws {
        let policy = try GrantFixture.policy(
            [
                GrantFixture.service(), GrantFixture.service("refunds"), GrantFixture.service("gone"),
                GrantFixture.service("others", owners: ["other", "team"]),
            ],
            [
                GrantFixture.grant("1"), GrantFixture.grant("2", to: "gone"), GrantFixture.grant("3", to: "others"),
                GrantFixture.grant("4", ["old"]),
            ])
        let owned = OwnedPolicy(
            owner: "team",
            services: [try GrantFixture.service(summary: "new"), try GrantFixture.service("refunds")],
            grants: [try GrantFixture.grant("n"), try GrantFixture.grant("m", to: "refunds", ["read"])])
        let steps = try policy.steps(toward: owned)
        #expect(
            steps.map(\.change) == [
                .deleteGrant(id: "2"), .deleteGrant(id: "4"), .deleteService(try ServiceName(parsing: "gone")),
                .putService(try GrantFixture.service(summary: "new")),
                .putGrant(try GrantFixture.grant("m", to: "refunds", ["read"])),
            ])
        #expect(steps.map(\.kind) == [.delete, .delete, .delete, .replace, .create])
        let after = try self.applied(owned, to: policy)
        #expect(after.services.keys.map(\.text).sorted() == ["others", "payments", "refunds"])
        #expect(after.grants.keys.sorted() == ["1", "3", "m"])
    }

    @Test("lets services take over each other's audiences, and no one else's")
    func audiences() throws {
        let (a, b) = ("https://a.test", "https://b.test")
        let policy = try GrantFixture.policy(
            [
                GrantFixture.service("one", audience: a), GrantFixture.service("two", audience: b),
                GrantFixture.service("three", audience: "https://c.test", owners: ["other"]),
            ], [])
        func wanting(_ first: String, _ second: String) throws -> OwnedPolicy {
            OwnedPolicy(
                owner: "team",
                services: [
                    try GrantFixture.service("one", audience: first), try GrantFixture.service("two", audience: second),
                ], grants: [])
        }
        let after = try policy.applying(policy.steps(toward: wanting(b, a)).map(\.change))
        #expect(after.service(named: a)?.name.text == "two")
        #expect(after.service(named: b)?.name.text == "one")
        #expect(after == AccessPolicy(services: Array(after.services.values), grants: []))
        // One after the other, as a store reads them.
        #expect(try after.steps(toward: wanting(b, a)) == [])
        let three = AccessRefusal.audienceTaken(
            try AudienceURI(parsing: "https://c.test"), by: try ServiceName(parsing: "three"))
        #expect(throws: three) { try policy.steps(toward: wanting("https://c.test", a)) }
        let two = AccessRefusal.audienceTaken(try AudienceURI(parsing: b), by: try ServiceName(parsing: "two"))
        #expect(throws: two) { try policy.steps(toward: wanting(b, b)) }
    }

    @Test("that has a grant twice is refused, whether or not one is there already")
    func twice() throws {
        let owned = OwnedPolicy(
            owner: "team", services: [try GrantFixture.service()],
            grants: [try GrantFixture.grant("1", reason: "a"), try GrantFixture.grant("2", reason: "b")])
        let refusal = AccessRefusal.grantedTwice("grant spiffe://example.org/orders → payments: payments:create")
        #expect(throws: refusal) { try AccessPolicy().steps(toward: owned) }
        let policy = try GrantFixture.policy([GrantFixture.service()], [GrantFixture.grant("1", reason: "a")])
        #expect(throws: refusal) { try policy.steps(toward: owned) }
    }

    @Test("does not reach into services of others")
    func others() throws {
        let policy = try GrantFixture.policy([GrantFixture.service("ledger", owners: ["other"])], [])
        let ledger = try ServiceName(parsing: "ledger")
        #expect(throws: AccessRefusal.ownedByAnother(ledger, owner: "other")) {
            try policy.steps(
                toward: OwnedPolicy(owner: "team", services: [GrantFixture.service("ledger")], grants: []))
        }
        #expect(throws: AccessRefusal.notOwned(ledger, owner: "team")) {
            try policy.steps(
                toward: OwnedPolicy(
                    owner: "team", services: [GrantFixture.service()], grants: [GrantFixture.grant(to: "ledger")]))
        }
        let payments = try ServiceName(parsing: "payments")
        #expect(throws: AccessRefusal.describedTwice(payments)) {
            try policy.steps(
                toward: OwnedPolicy(
                    owner: "team", services: [GrantFixture.service(), GrantFixture.service()], grants: []))
        }
    }
}
