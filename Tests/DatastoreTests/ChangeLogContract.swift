import Datastore
import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE
import Testing

@Suite("ChangeLog", .timeLimit(.minutes(1)))
struct ChangeLogContract {
    @Test(
        "a change tells its number, what changed, who did it and when, to the millisecond", arguments: TestedStore.all)
    func content(kind: TestedStore) async throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000.1239)
        let admin = try Fixture.id("/admin")
        try await kind.withStore { store in
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .uid(1000), now: now)
            _ = try await store.put(Fixture.agent(), actor: .server, now: Fixture.now)
            _ = try await store.apply([.delete(id: "one")], actor: .peer(admin), now: Fixture.later)
            let agentID = try Fixture.agent().id.uri
            #expect(
                try await store.changes(after: 0, limit: 10)
                    == .changes([
                        Change(
                            number: 1, kind: .entry, key: "one", actor: .uid(1000),
                            time: Date(timeIntervalSince1970: 1_800_000_000.123)),
                        Change(number: 2, kind: .agent, key: agentID, actor: .server, time: Fixture.now),
                        Change(number: 3, kind: .entry, key: "one", actor: .peer(admin), time: Fixture.later),
                    ]))
        }
    }

    @Test("a reader gets at most what it asks for, from where it stands", arguments: TestedStore.all)
    func pages(kind: TestedStore) async throws {
        try await kind.withStore { store in
            _ = try await store.apply(
                (0..<10).map { .create(try Fixture.entry("id\($0)", "/w\($0)")) }, actor: .uid(0), now: Fixture.now)
            guard case .changes(let page) = try await store.changes(after: 3, limit: 4) else {
                Issue.record("the changes are not retained")
                return
            }
            #expect(page.map(\.number) == [4, 5, 6, 7])
            #expect(page.map(\.key) == ["id3", "id4", "id5", "id6"])
            #expect(try await store.changes(after: 10, limit: 4) == .changes([]))
        }
    }

    @Test("a reader ahead of the log is told so", arguments: TestedStore.all)
    func ahead(kind: TestedStore) async throws {
        try await kind.withStore { store in
            for number in [1, UInt64.max] {
                let answer = try await store.changes(after: number, limit: 4)
                #expect(answer == .ahead(last: 0))
            }
        }
    }

    @Test("only the newest changes are retained; a reader behind them is told the oldest", arguments: TestedStore.all)
    func retention(kind: TestedStore) async throws {
        try await kind.withStore(limits: DatastoreLimits(retainedChanges: 10)) { store in
            for batch in 0..<5 {
                _ = try await store.apply(
                    (0..<5).map { .create(try Fixture.entry("id\(batch)-\($0)", "/w\(batch)-\($0)")) }, actor: .uid(0),
                    now: Fixture.now)
            }
            #expect(try await store.position().number == 25)
            #expect(try await store.changes(after: 0, limit: 100) == .tooOld(oldest: 16))
            #expect(try await store.changes(after: 14, limit: 100) == .tooOld(oldest: 16))
            #expect(try await store.keys(after: 15).count == 10)
            #expect(try await store.snapshot().entries.count == 25)
        }
    }

    @Test("concurrent writers of all kinds leave no gap and no number twice", arguments: TestedStore.all)
    func writers(kind: TestedStore) async throws {
        try await kind.withStore { store in
            let positions = try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for writer in 0..<16 {
                    group.addTask {
                        var positions: [UInt64] = []
                        for round in 0..<8 {
                            let name = "\(writer)-\(round)"
                            let commit = try await store.apply(
                                [
                                    .create(Fixture.entry("e\(name)", "/w\(name)")),
                                    .create(Fixture.entry("e\(name)", "/x")), .delete(id: "e\(name)"),
                                ], actor: .uid(0), now: Fixture.now)
                            positions.append(commit.position.number)
                            positions.append(
                                try await store.put(Fixture.agent(name), actor: .server, now: Fixture.now).number)
                        }
                        return positions
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(Set(positions).count == 16 * 8 * 2)
            #expect(positions.max() == UInt64(16 * 8 * 3))
            #expect(try await store.keys().count == 16 * 8 * 3)
        }
    }

    @Test("a snapshot taken among writers is the truth at its position", arguments: TestedStore.all)
    func snapshots(kind: TestedStore) async throws {
        try await kind.withStore { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 {
                    group.addTask {
                        for round in 0..<20 {
                            let entries = try (0..<3).map {
                                try Fixture.entry("\(writer)-\(round)-\($0)", "/\(writer)/\(round)/\($0)")
                            }
                            _ = try await store.apply(entries.map(EntryChange.create), actor: .uid(0), now: Fixture.now)
                        }
                    }
                    group.addTask {
                        for _ in 0..<20 {
                            let snapshot = try await store.snapshot()
                            #expect(UInt64(snapshot.entries.count) == snapshot.position.number)
                            #expect(snapshot.entries.count % 3 == 0)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.snapshot().entries.count == 240)
        }
    }
}
