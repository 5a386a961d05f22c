import Datastore
import Foundation
import Glibc
import KeyManagement
import NodeAttestation
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("The SQLite store's file", .timeLimit(.minutes(1)))
struct SQLiteStoreTests {
    private func open(_ directory: TemporaryDirectory, trustDomain: String = "example.org") throws -> Datastore {
        try Datastore(path: directory.path("store.db"), trustDomain: TrustDomain(parsing: trustDomain))
    }

    @Test("the file and its companions are readable by nobody else")
    func modes() async throws {
        try await withTemporaryDirectory { directory in
            let store = try self.open(directory)
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .server, now: Fixture.now)
            let names = try directory.names()
            #expect(names == ["store.db", "store.db-shm", "store.db-wal"])
            for name in names {
                #expect(try directory.mode(of: name) == 0o600, "\(name)")
            }
        }
    }

    @Test("a file that others can open is refused", arguments: [0o640, 0o604, 0o660, 0o644])
    func looseMode(mode: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([], to: "store.db", mode: mode)
            #expect(
                throws: DatastoreError.unsafeFile(.looseMode(path: path, mode: UInt32(mode), allowed: 0o600))
            ) { try self.open(directory) }
        }
    }

    @Test("a file beside it that others can open is refused", arguments: ["-wal", "-shm", "-journal"])
    func looseCompanion(suffix: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([], to: "store.db\(suffix)", mode: 0o660)
            #expect(throws: DatastoreError.unsafeFile(.looseMode(path: path, mode: 0o660, allowed: 0o600))) {
                try self.open(directory)
            }
        }
    }

    @Test("a directory that others can write to is refused, and nothing is made there")
    func looseDirectory() async throws {
        try await withTemporaryDirectory { directory in
            try directory.setMode(0o770)
            #expect(throws: DatastoreError.unsafeFile(.looseDirectory(path: directory.path, mode: 0o770))) {
                try self.open(directory)
            }
            #expect(try directory.names() == [])
        }
    }

    @Test("a symbolic link is not followed")
    func symbolicLink() async throws {
        try await withTemporaryDirectory { directory in
            try directory.write([], to: "elsewhere")
            try FileManager.default.createSymbolicLink(
                atPath: directory.path("store.db"), withDestinationPath: directory.path("elsewhere"))
            #expect(throws: DatastoreError.unsafeFile(.symbolicLink(path: directory.path("store.db")))) {
                try self.open(directory)
            }
        }
    }

    @Test(
        "a file or directory of another user is refused",
        .enabled(if: geteuid() == 0, "only root can give files away"))
    func otherOwner() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write([], to: "store.db")
            try #require(unsafe chown(path, 54_321, 0) == 0)
            #expect(throws: DatastoreError.unsafeFile(.otherOwner(path: path, userID: 54_321))) {
                try self.open(directory)
            }
            try #require(unsafe chown(path, 0, 0) == 0)
            try #require(unsafe chown(directory.path, 54_321, 0) == 0)
            #expect(throws: DatastoreError.unsafeFile(.otherOwner(path: directory.path, userID: 54_321))) {
                try self.open(directory)
            }
        }
    }

    @Test("the writer waits for the disk: WAL with synchronous FULL, and foreign keys")
    func pragmas() async throws {
        try await withTemporaryDirectory { directory in
            let database = try SQLiteDatabase(path: directory.path("store.db"), busyTimeout: .seconds(5))
            let values = try await database.write { sql throws(StoreFailure) in
                var values: [String] = []
                try sql.forEachRow(of: "PRAGMA journal_mode", []) { row throws(StoreFailure) in
                    values.append(try row.text(0))
                }
                for pragma in ["PRAGMA synchronous", "PRAGMA foreign_keys"] {
                    try sql.forEachRow(of: pragma, []) { row throws(StoreFailure) in
                        values.append("\(try row.integer(0))")
                    }
                }
                return values
            }
            #expect(values == ["wal", "2", "1"])
        }
    }

    @Test("everything is there again after reopening, and the numbers go on in a new epoch")
    func reopen() async throws {
        try await withTemporaryDirectory { directory in
            let token = JoinTokenRecord(hash: JoinTokenHash(of: "t"), expiresAt: Fixture.later)
            let epoch: String
            do {
                let store = try self.open(directory)
                epoch = store.epoch
                _ = try await store.apply([.create(Fixture.entry("one"))], actor: .server, now: Fixture.now)
                _ = try await store.put(Fixture.agent(), actor: .server, now: Fixture.now)
                try await store.create(token, now: Fixture.now)
            }
            let store = try self.open(directory)
            #expect(store.epoch != epoch)
            #expect(store.earlierEpochs == [epoch: 2])
            #expect(try await store.position() == ChangePosition(epoch: store.epoch, number: 2))
            #expect(try await store.snapshot().entries == [Fixture.entry("one")])
            #expect(try await store.agents() == [Fixture.agent()])
            #expect(try await store.find(token.hash) == token)
            let commit = try await store.apply([.delete(id: "one")], actor: .server, now: Fixture.now)
            #expect(commit.position == ChangePosition(epoch: store.epoch, number: 3))
            #expect(try await store.keys().count == 3)
        }
    }

    @Test("what was acknowledged is in the files at that moment, as a killed process leaves them")
    func killed() async throws {
        try await withTemporaryDirectory { directory in
            let store = try self.open(directory)
            for number in 0..<20 {
                _ = try await store.apply(
                    [.create(Fixture.entry("id\(number)", "/w\(number)"))], actor: .server, now: Fixture.now)
                try await withTemporaryDirectory { copy in
                    // Not the -shm file: it is no part of what is durable.
                    for name in ["store.db", "store.db-wal"] { try copy.write(directory.read(name), to: name) }
                    let left = try self.open(copy)
                    #expect(try await left.snapshot().entries.count == number + 1)
                    #expect(try await left.position().number == UInt64(number + 1))
                }
            }
        }
    }

    @Test("each store has an epoch of its own")
    func epochs() async throws {
        try await withTemporaryDirectory { one in
            try await withTemporaryDirectory { two in
                let epochs = try [self.open(one).epoch, self.open(two).epoch]
                #expect(epochs[0] != epochs[1])
            }
        }
    }

    @Test("a copy says up to where the epoch it was made in is true of it, and numbers on in another epoch")
    func restored() async throws {
        try await withTemporaryDirectory { directory in
            let store = try self.open(directory)
            #expect(store.earlierEpochs == [:])
            _ = try await store.apply([.create(Fixture.entry("one"))], actor: .server, now: Fixture.now)
            try await withTemporaryDirectory { copy in
                for name in ["store.db", "store.db-wal"] { try copy.write(directory.read(name), to: name) }
                _ = try await store.apply([.create(Fixture.entry("two", "/two"))], actor: .server, now: Fixture.now)
                let restored = try self.open(copy)
                #expect(restored.epoch != store.epoch)
                #expect(restored.earlierEpochs == [store.epoch: 1])
                #expect(try await restored.position() == ChangePosition(epoch: restored.epoch, number: 1))
            }
        }
    }

    @Test("the latest 64 epochs are remembered")
    func epochsAreBounded() async throws {
        try await withTemporaryDirectory { directory in
            var epochs: [String] = []
            for _ in 0..<66 { epochs.append(try self.open(directory).epoch) }
            let store = try self.open(directory)
            #expect(Set(store.earlierEpochs.keys) == Set(epochs.suffix(64)))
        }
    }

    @Test("a store of the first schema is brought up to date, and its epoch is remembered")
    func firstSchema() async throws {
        try await withTemporaryDirectory { directory in
            let epoch: String
            do {
                let store = try self.open(directory)
                epoch = store.epoch
                _ = try await store.apply([.create(Fixture.entry("one"))], actor: .server, now: Fixture.now)
                let later = ["earlier_epochs", "services", "grants", "token_key_journal", "revocations"]
                try await self.execute(
                    later.map { "DROP TABLE \($0)" } + ["UPDATE store SET schema_version = 1"], on: directory)
            }
            let store = try self.open(directory)
            #expect(store.earlierEpochs == [epoch: 1])
            #expect(try await store.snapshot().entries == [Fixture.entry("one")])
        }
    }

    private func execute(_ statements: [String], on directory: TemporaryDirectory) async throws {
        let database = try SQLiteDatabase(path: directory.path("store.db"), busyTimeout: .seconds(5))
        try await database.write { sql throws(StoreFailure) in
            for statement in statements { _ = try sql.execute(statement, []) }
        }
    }

    @Test("a store of another trust domain is refused with both names and not changed")
    func otherTrustDomain() async throws {
        try await withTemporaryDirectory { directory in
            do { _ = try self.open(directory) }
            let other = try TrustDomain(parsing: "other.test")
            #expect(throws: DatastoreError.otherTrustDomain(stored: "example.org", configured: other)) {
                try self.open(directory, trustDomain: "other.test")
            }
            #expect(try self.open(directory).trustDomain.name == "example.org")
        }
    }

    @Test("a store of a newer schema is refused with both versions")
    func newerSchema() async throws {
        try await withTemporaryDirectory { directory in
            do { _ = try self.open(directory) }
            let database = try SQLiteDatabase(path: directory.path("store.db"), busyTimeout: .seconds(5))
            let supported = try await database.write { sql throws(StoreFailure) in
                var supported: Int64 = 0
                try sql.forEachRow(of: "SELECT schema_version FROM store", []) { row throws(StoreFailure) in
                    supported = try row.integer(0)
                }
                _ = try sql.execute("UPDATE store SET schema_version = schema_version + 1", [])
                return Int(supported)
            }
            #expect(throws: DatastoreError.newerSchema(stored: supported + 1, supported: supported)) {
                try self.open(directory)
            }
        }
    }

    @Test("what is no database, and no regular file, is refused with its path")
    func notADatabase() async throws {
        try await withTemporaryDirectory { directory in
            let path = try directory.write(Array(repeating: 0x41, count: 8192), to: "store.db")
            #expect(throws: DatastoreError.cannotOpen(path: path, reason: "SQLite 26: file is not a database")) {
                try self.open(directory)
            }
            #expect(try directory.read("store.db") == Array(repeating: 0x41, count: 8192))
            #expect(
                throws: DatastoreError.unsafeFile(.system(operation: "open", path: directory.path, code: EISDIR))
            ) {
                try Datastore(path: directory.path, trustDomain: TrustDomain(parsing: "example.org"))
            }
            let missing = directory.path("missing/store.db")
            #expect(
                throws: DatastoreError.unsafeFile(
                    .system(operation: "open", path: directory.path("missing"), code: ENOENT))
            ) {
                try Datastore(path: missing, trustDomain: TrustDomain(parsing: "example.org"))
            }
        }
    }

    @Test("no join token is in the files before or after its use, but its hash is until then")
    func tokensAreHashed() async throws {
        try await withTemporaryDirectory { directory in
            let store = try self.open(directory)
            let token = "5ecre7-5ecre7-5ecre7"
            let hash = JoinTokenHash(of: token)
            func content() throws -> Data {
                try directory.names().reduce(into: Data()) { $0 += try directory.read($1) }
            }
            #expect(try content().range(of: Data(hash.hex.utf8)) == nil)
            try await store.create(JoinTokenRecord(hash: hash, expiresAt: Fixture.later), now: Fixture.now)
            #expect(try content().range(of: Data(hash.hex.utf8)) != nil)
            #expect(try content().range(of: Data(token.utf8)) == nil)
            // The agent's ID has another token here: what is looked for could only come from the use itself.
            let agent = try Fixture.agent("other")
            _ = try await store.consume(
                token: token, agent: agent, aliasEntryID: "alias", actor: .server, now: Fixture.now)
            #expect(try content().range(of: Data(agent.id.uri.utf8)) != nil)
            #expect(try content().range(of: Data(token.utf8)) == nil)
        }
    }
}
