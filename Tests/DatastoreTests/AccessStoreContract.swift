import AccessGrants
import AccessTokens
import Datastore
import FoundationEssentials
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("AccessStore", .timeLimit(.minutes(1)))
struct AccessStoreContract {
    private static func service(_ name: String = "payments", summary: String = "") throws -> RegisteredService {
        try RegisteredService(
            name: ServiceName(parsing: name),
            members: SPIFFEIDPattern(
                parsing: "spiffe://example.org/\(name)/*", in: TrustDomain(parsing: "example.org")),
            audience: AudienceURI(parsing: "https://\(name).test/"), owners: ["team", #"back\slash"#],
            summary: summary, binding: .certificate, createdBy: .uid(7), createdAt: Fixture.now)
    }

    private static func grant(_ id: String = "g", full: Bool = true) throws -> Grant {
        try Grant(
            id: id,
            caller: SPIFFEIDPattern(parsing: "spiffe://example.org/orders", in: TrustDomain(parsing: "example.org")),
            service: ServiceName(parsing: "payments"), scopes: ScopeSet(parsing: ["b:2", "a:1"]),
            maximumLifetime: full ? .seconds(300) : nil, notAfter: full ? Fixture.later : nil,
            reason: full ? "'; --" : "", createdBy: .peer(Fixture.id("/admin")), createdAt: Fixture.now)
    }

    @Test("services and grants come back with every field", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        try await kind.withStore { store in
            #expect(try await store.accessPolicy() == AccessPolicy())
            let services = [try Self.service(), try Self.service("ledger", summary: "Money")]
            let grants = [try Self.grant(), try Self.grant("h", full: false)]
            let position = try await store.apply(
                services.map(AccessChange.putService) + grants.map(AccessChange.putGrant), actor: .uid(7),
                now: Fixture.now)
            #expect(position.number == 4)
            #expect(try await store.accessPolicy() == AccessPolicy(services: services, grants: grants))
            #expect(
                try await store.keys() == ["service payments", "service ledger", "grant g", "grant h"])
        }
    }

    @Test("a change replaces or deletes, and takes a number of its own", arguments: TestedStore.all)
    func changes(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.apply(
                [.putService(Self.service()), .putGrant(Self.grant())], actor: .uid(0), now: Fixture.now)
            _ = try await store.apply(
                [
                    .putService(Self.service(summary: "new")), .putGrant(Self.grant(full: false)),
                ], actor: .uid(0), now: Fixture.now)
            #expect(
                try await store.accessPolicy()
                    == AccessPolicy(services: [Self.service(summary: "new")], grants: [Self.grant(full: false)]))
            let position = try await store.apply(
                [.deleteGrant(id: "g"), .deleteService(ServiceName(parsing: "payments"))], actor: .uid(0),
                now: Fixture.now)
            #expect(position.number == 6)
            #expect(try await store.accessPolicy() == AccessPolicy())
        }
    }

    @Test("services take over each other's audiences", arguments: TestedStore.all)
    func swap(kind: TestedStore) async throws {
        func service(_ name: String, of other: String) throws -> RegisteredService {
            try RegisteredService(
                name: ServiceName(parsing: name), members: Self.service(name).members,
                audience: Self.service(other).audience, owners: ["team"], createdBy: .uid(0), createdAt: Fixture.now)
        }
        try await kind.withStore { store in
            _ = try await store.apply(
                [.putService(service("a", of: "a")), .putService(service("b", of: "b"))], actor: .uid(0),
                now: Fixture.now)
            let swapped = [try service("a", of: "b"), try service("b", of: "a")]
            _ = try await store.apply(swapped.map(AccessChange.putService), actor: .uid(0), now: Fixture.now)
            #expect(try await store.accessPolicy() == AccessPolicy(services: swapped, grants: []))
        }
    }

    @Test("of changes that contradict each other none is made", arguments: TestedStore.all)
    func allOrNothing(kind: TestedStore) async throws {
        let same = try RegisteredService(
            name: ServiceName(parsing: "other"), members: Self.service().members, audience: Self.service().audience,
            owners: ["team"], createdBy: .uid(0), createdAt: Fixture.now)
        try await kind.withStore { store in
            await #expect(throws: StoreFailure.self) {
                try await store.apply(
                    [.putService(Self.service()), .putService(same)], actor: .uid(0), now: Fixture.now)
            }
            let policy = try await store.accessPolicy()
            #expect(policy == AccessPolicy())
            let position = try await store.position()
            #expect(position.number == 0)
        }
    }
}
