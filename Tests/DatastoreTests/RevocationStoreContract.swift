import AccessGrants
import AccessTokens
import Datastore
import FoundationEssentials
import Registration
import TestSupport
import Testing

@Suite("RevocationStore", .timeLimit(.minutes(1)))
struct RevocationStoreContract {
    private static func targets() throws -> [Revocation.Target] {
        [
            .token("a-jti"), .subject(try Fixture.id("/orders")), .certificate("1f"), .key("k"),
        ]
    }

    @Test("revocations come back in their order, with who, why and the number", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        try await kind.withStore { store in
            var expected: [RecordedRevocation] = []
            for (index, target) in try Self.targets().enumerated() {
                let revocation = Revocation(target, revokedAt: Fixture.now, expiresAt: Fixture.later)
                let position = try await store.put(revocation, reason: "leaked", actor: .uid(7), now: Fixture.now)
                #expect(position.number == UInt64(index + 1))
                expected.append(
                    RecordedRevocation(revocation, reason: "leaked", createdBy: .uid(7), number: position.number))
            }
            let stored = try await store.revocations()
            #expect(stored.revocations == expected)
            #expect(stored.position.number == 4)
            let keys = try await store.keys()
            #expect(keys.first == "revocation jti a-jti")
            #expect(Revocation.Target.keyIDs(of: expected) == ["k"])
        }
    }

    @Test(
        "a second revocation takes the place of the first, and what has expired is forgotten",
        arguments: TestedStore.all)
    func replaceAndPrune(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let target = Revocation.Target.token("a")
            let first = Revocation(target, revokedAt: Fixture.now, expiresAt: Fixture.now.addingTimeInterval(10))
            let second = Revocation(target, revokedAt: Fixture.later, expiresAt: Fixture.later)
            _ = try await store.put(first, reason: "", actor: .uid(0), now: Fixture.now)
            _ = try await store.put(second, reason: "", actor: .uid(0), now: Fixture.now)
            let stored = try await store.revocations().revocations
            #expect(stored.map(\.revocation) == [second])
            #expect(stored.map(\.number) == [2])
            let early = try await store.pruneRevocations(now: Fixture.now)
            #expect(early == 0)
            let late = try await store.pruneRevocations(now: Fixture.later)
            #expect(late == 1)
        }
    }
}
