import Datastore
import Dispatch
import Foundation
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("When the store fails", .timeLimit(.minutes(1)))
struct StoreFailureTests {
    private func withDatabase(
        _ body: (SQLiteDatabase, Datastore, TemporaryDirectory) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let database = try SQLiteDatabase(path: directory.path("store.db"), busyTimeout: .milliseconds(50))
            let store = try Datastore(
                database: database, name: "store.db", trustDomain: TrustDomain(parsing: "example.org"))
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .server, now: Fixture.now)
            try await body(database, store, directory)
        }
    }

    private func run(_ statement: String, on database: SQLiteDatabase) async throws {
        try await database.write { sql throws(StoreFailure) in
            // A PRAGMA that sets a value answers with a row.
            try sql.forEachRow(of: statement, []) { _ in }
        }
    }

    /// The failure of a batch of ten large entries.
    private func failure(of store: Datastore) async throws -> StoreFailure? {
        let changes = try (0..<10).map { number in
            EntryChange.create(
                try Fixture.entry(
                    "big\(number)", "/big\(number)",
                    selectors: (0..<200).map { "unix:path:/\($0)/\(String(repeating: "x", count: 1000))" }))
        }
        do {
            _ = try await store.apply(changes, actor: .server, now: Fixture.now)
            return nil
        } catch {
            return error
        }
    }

    @Test("a full disk refuses the whole batch; what was acknowledged stays, and work goes on when there is room")
    func full() async throws {
        try await self.withDatabase { database, store, _ in
            try await self.run("PRAGMA max_page_count = 100", on: database)
            #expect(try await self.failure(of: store) == .full("SQLite 13: database or disk is full"))
            #expect(try await store.snapshot().entries == [Fixture.entry("one")])
            #expect(try await store.position().number == 1)
            try await self.run("PRAGMA max_page_count = 100000", on: database)
            #expect(try await self.failure(of: store) == nil)
            #expect(try await store.position().number == 11)
        }
    }

    @Test("another process's lock refuses the write after the busy timeout; reading goes on")
    func busy() async throws {
        try await self.withDatabase { _, store, directory in
            let other = try SQLiteDatabase(path: directory.path("store.db"), busyTimeout: .milliseconds(50))
            let (started, start) = AsyncStream<Void>.makeStream()
            let release = DispatchSemaphore(value: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await other.write { _ throws(StoreFailure) in
                        start.yield()
                        release.wait()
                    }
                }
                for await _ in started { break }
                #expect(try await self.failure(of: store) == .busy("SQLite 5: database is locked"))
                #expect(try await store.snapshot().entries == [Fixture.entry("one")])
                release.signal()
                try await group.waitForAll()
            }
            #expect(try await self.failure(of: store) == nil)
        }
    }

    @Test("a read-only store refuses the write; reading goes on")
    func readOnly() async throws {
        try await self.withDatabase { database, store, _ in
            try await self.run("PRAGMA query_only = ON", on: database)
            #expect(try await self.failure(of: store) == .readOnly("SQLite 8: attempt to write a readonly database"))
            #expect(try await store.snapshot().entries == [Fixture.entry("one")])
        }
    }

    @Test(
        "a row that we cannot have written is reported, not guessed at",
        arguments: [
            "UPDATE entries SET spiffe_id = 'spiffe://Bad/'", "UPDATE entries SET selectors = 'nocolon'",
            "UPDATE entries SET selectors = 'a:\\x'", "UPDATE entries SET federates_with = 'BAD'",
            "UPDATE entries SET revision = 'many'", "UPDATE entries SET hint = x'00ff'",
            "UPDATE change_counter SET number = -1", "DELETE FROM change_counter",
        ])
    func damaged(statement: String) async throws {
        try await self.withDatabase { database, store, _ in
            try await self.run(statement, on: database)
            let failure = await #expect(throws: StoreFailure.self) { try await store.snapshot() }
            guard case .damaged = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
        }
    }

    @Test("every failure says what is still in force")
    func descriptions() {
        let failures: [StoreFailure] = [.full("t"), .busy("t"), .readOnly("t"), .damaged("t"), .unavailable("t")]
        for failure in failures {
            #expect(
                failure.description.hasSuffix(
                    "(t); nothing of this change was made, what was acknowledged before stays in force"))
        }
    }

    @Test("a writer whose task is cancelled is told the truth: its change was made")
    func cancelled() async throws {
        try await self.withDatabase { _, store, _ in
            let commit = try await withThrowingTaskGroup(of: EntryCommit.self) { group in
                group.addTask {
                    unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
                    return try await store.apply(
                        [.create(Fixture.entry("two", "/two"))], actor: .server, now: Fixture.now)
                }
                return try #require(try await group.next())
            }
            #expect(commit.position.number == 2)
            #expect(try await store.snapshot().entries.count == 2)
        }
    }
}
