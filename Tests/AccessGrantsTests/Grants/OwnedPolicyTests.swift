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
