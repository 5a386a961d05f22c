import Datastore
import FoundationEssentials
import Registration
import SPIFFE
import Testing

@Suite("EntryStore", .timeLimit(.minutes(1)))
struct EntryStoreContract {
    @Test("a new store is empty and at number 0", arguments: TestedStore.all)
    func new(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let snapshot = try await store.snapshot()
            #expect(snapshot.entries == [])
            #expect(snapshot.position.number == 0)
            #expect(snapshot.position.epoch.utf8.count == 32)
            #expect(try await store.position() == snapshot.position)
            #expect(try await store.changes(after: 0, limit: 10) == .changes([]))
        }
    }

    @Test("an entry comes back with every field it was created with", arguments: TestedStore.all)
    func roundTrip(kind: TestedStore) async throws {
        let full = RegistrationEntry(
            id: "full",
            content: EntryContent(
                spiffeID: try Fixture.id("/web"), parentID: try Fixture.id("/node"),
                selectors: [
                    try Selector(type: "docker", value: "label:a:b"),
                    try Selector(type: "docker", value: "env:two\nlines"),
                    try Selector(type: "docker", value: #"back\slash\n\\"#), try Selector(type: "k8s", value: "\n"),
                    try Selector(type: "k8s", value: "\u{1F980} '\"; --"),
                ],
                x509SVIDTTL: .seconds(60), jwtSVIDTTL: .seconds(Int64(Int32.max)),
                federatesWith: [try TrustDomain(parsing: "b.test"), try TrustDomain(parsing: "a.test")], admin: true,
                downstream: true, expiresAt: Date(timeIntervalSince1970: 253_402_300_799),
                dnsNames: ["z.example.org", "*.a.example.org"], storeSVID: true, hint: "line\nline",
                disableX509SVIDPrefetch: true, jwtSVIDIncludeJTI: true),
            revision: 7, createdAt: Fixture.now)
        let plain = try Fixture.entry("plain")
        try await kind.withStore { store in
            let commit = try await store.apply([.create(full), .create(plain)], actor: .uid(0), now: Fixture.now)
            #expect(commit.results == [.success(full), .success(plain)])
            #expect(try await store.snapshot().entries.sorted { $0.id < $1.id } == [full, plain])
        }
    }

    @Test("a similar entry is refused with the one there is", arguments: TestedStore.all)
    func similar(kind: TestedStore) async throws {
        let first = try Fixture.entry("one", selectors: ["a:1", "b:2"], hint: "first")
        let second = try Fixture.entry("two", selectors: ["b:2", "a:1"], hint: "second")
        try await kind.withStore { store in
            _ = try await store.apply([.create(first)], actor: .uid(0), now: Fixture.now)
            let commit = try await store.apply([.create(second)], actor: .uid(0), now: Fixture.now)
            #expect(commit.results == [.failure(.alreadyExists(first))])
            #expect(commit.position.number == 1)
            #expect(try await store.snapshot().entries == [first])
        }
    }

    @Test("entries that differ in parent, SPIFFE ID or selectors live side by side", arguments: TestedStore.all)
    func different(kind: TestedStore) async throws {
        let entries = [
            try Fixture.entry("1"), try Fixture.entry("2", "/db"), try Fixture.entry("3", parent: "/other"),
            try Fixture.entry("4", selectors: ["unix:uid:1", "unix:uid:2"]),
            // Two selectors against one whose value looks like two.
            try Fixture.entry("5", selectors: ["unix:uid:1\nunix:uid:2"]),
        ]
        try await kind.withStore { store in
            let commit = try await store.apply(entries.map(EntryChange.create), actor: .uid(0), now: Fixture.now)
            #expect(commit.results == entries.map(Result.success))
        }
    }

    @Test("an id that is taken is refused", arguments: TestedStore.all)
    func idTaken(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .uid(0), now: Fixture.now)
            let commit = try await store.apply([.create(Fixture.entry("one", "/db"))], actor: .uid(0), now: Fixture.now)
            #expect(commit.results == [.failure(.idTaken("one"))])
        }
    }

    @Test("in a batch a bad item fails alone, and each good one takes the next number", arguments: TestedStore.all)
    func batch(kind: TestedStore) async throws {
        let one = try Fixture.entry("one")
        let two = try Fixture.entry("two", "/db")
        try await kind.withStore { store in
            let commit = try await store.apply(
                [
                    .create(one), .create(Fixture.entry("again")), .delete(id: "nobody"), .create(two),
                    .create(Fixture.entry("two", "/x")), .delete(id: "one"),
                    .update(id: "one", EntryUpdate(Fixture.content())), .update(id: "two", EntryUpdate(two.content)),
                ], actor: .uid(7), now: Fixture.now)
            let updated = RegistrationEntry(id: "two", content: two.content, revision: 1, createdAt: Fixture.now)
            #expect(
                commit.results == [
                    .success(one), .failure(.alreadyExists(one)), .failure(.notFound("nobody")), .success(two),
                    .failure(.idTaken("two")), .success(one), .failure(.notFound("one")), .success(updated),
                ])
            #expect(commit.position.number == 4)
            #expect(try await store.keys() == ["entry one", "entry two", "entry one", "entry two"])
            #expect(try await store.snapshot().entries == [updated])
        }
    }

    @Test("a batch that changes nothing takes no number", arguments: TestedStore.all)
    func nothing(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let empty = try await store.apply([], actor: .uid(0), now: Fixture.now)
            #expect(empty.results == [])
            #expect(empty.position.number == 0)
            let refused = try await store.apply([.delete(id: "x")], actor: .uid(0), now: Fixture.now)
            #expect(refused.position.number == 0)
        }
    }

    @Test(
        "an update replaces the named fields of what the store holds and raises the revision",
        arguments: TestedStore.all)
    func update(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .uid(0), now: Fixture.now)
            let hint = EntryUpdate(try Fixture.content("/stale", hint: "new"), fields: [.hint])
            let selectors = EntryUpdate(try Fixture.content("/stale", selectors: ["a:b"]), fields: [.selectors])
            let commit = try await store.apply(
                [.update(id: "one", hint), .update(id: "one", selectors)], actor: .uid(0), now: Fixture.later)
            let final = RegistrationEntry(
                id: "one", content: try Fixture.content(selectors: ["a:b"], hint: "new"), revision: 2,
                createdAt: Fixture.now)
            #expect(commit.results.last == .success(final))
            #expect(try await store.snapshot().entries == [final])
            #expect(commit.position.number == 3)
        }
    }

    @Test("an update that would make an entry similar to another is refused", arguments: TestedStore.all)
    func updateToSimilar(kind: TestedStore) async throws {
        let one = try Fixture.entry("one")
        let two = try Fixture.entry("two", "/db")
        try await kind.withStore { store in
            let commit = try await store.apply(
                [.create(one), .create(two), .update(id: "two", EntryUpdate(one.content))], actor: .uid(0),
                now: Fixture.now)
            #expect(commit.results.last == .failure(.alreadyExists(one)))
            #expect(try await store.snapshot().entries.sorted { $0.id < $1.id } == [one, two])
        }
    }

    @Test("after a deletion or an update the freed identity may be registered again", arguments: TestedStore.all)
    func freed(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let commit = try await store.apply(
                [
                    .create(Fixture.entry("one")), .delete(id: "one"), .create(Fixture.entry("two")),
                    .update(id: "two", EntryUpdate(Fixture.content("/db"))), .create(Fixture.entry("one")),
                ], actor: .uid(0), now: Fixture.now)
            #expect(commit.position.number == 5)
            #expect(try await store.snapshot().entries.map(\.id).sorted() == ["one", "two"])
        }
    }

    @Test("entries are fetched by id, unknown ids are left out", arguments: TestedStore.all)
    func fetch(kind: TestedStore) async throws {
        let one = try Fixture.entry("one")
        try await kind.withStore { store in
            _ = try await store.apply(
                [.create(one), .create(Fixture.entry("two", "/db"))], actor: .uid(0), now: Fixture.now)
            #expect(try await store.entries(ids: ["one", "three"]) == [one])
            #expect(try await store.entries(ids: []) == [])
        }
    }
}
