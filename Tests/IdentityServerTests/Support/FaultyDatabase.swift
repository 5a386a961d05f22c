import Datastore
import Registration
import Rotation
import Synchronization

/// A database of which a test can have every write fail, or every read, or every write wait.
final class FaultyDatabase: SQLDatabase {
    private let database: SQLiteDatabase
    private let failures = Mutex(Failures())
    private let isHolding = Watched(false)
    private let isHeld = Watched(false)

    private struct Failures: Sendable {
        var ofWrites: StoreFailure?
        /// How many writes succeed before they fail.
        var goodWrites = 0
        var ofReads: StoreFailure?

        mutating func ofNextWrite() -> StoreFailure? {
            guard self.ofWrites != nil, self.goodWrites > 0 else { return self.ofWrites }
            self.goodWrites -= 1
            return nil
        }
    }

    init(_ database: SQLiteDatabase) {
        self.database = database
    }

    func fail(writes: StoreFailure?, after goodWrites: Int = 0, reads: StoreFailure? = nil) {
        self.failures.withLock { $0 = Failures(ofWrites: writes, goodWrites: goodWrites, ofReads: reads) }
    }

    /// Has every write wait from now on, or lets them go.
    func hold(_ isHolding: Bool) {
        self.isHeld.publish(false)
        self.isHolding.publish(isHolding)
    }

    /// Returns when a write waits that came since ``hold(_:)``.
    func waitForHeldWrite() async {
        for await isHeld in self.isHeld.updates() where isHeld { return }
    }

    /// Runs a statement on the connection that writes, whether or not writes fail.
    func execute(_ statement: String) async throws {
        try await self.database.write { sql throws(StoreFailure) in
            // A PRAGMA that sets a value answers with a row.
            try sql.forEachRow(of: statement, []) { _ in }
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        if let failure = self.failures.withLock({ $0.ofReads }) { throw failure }
        return try await self.database.read(body)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        for await isHolding in self.isHolding.updates() {
            guard isHolding else { break }
            self.isHeld.publish(true)
        }
        if let failure = self.failures.withLock({ $0.ofNextWrite() }) { throw failure }
        return try await self.database.write(body)
    }

    func writeBlocking<Value>(
        _ body: (any SQLConnection) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value {
        try self.database.writeBlocking(body)
    }
}
