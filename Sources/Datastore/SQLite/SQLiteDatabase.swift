import GRDB
package import Registration

/// An SQLite file in WAL mode with `synchronous=FULL`: a transaction acknowledged survives power loss.
package final class SQLiteDatabase: SQLDatabase {
    private let pool: DatabasePool

    /// Opens the file, or makes it with mode 0600; SQLite gives its companions `-wal` and `-shm` the file's mode.
    ///
    /// - Parameter busyTimeout: How long a transaction waits for another process's lock.
    /// - Throws: ``DatastoreError/unsafeFile(_:)``, ``DatastoreError/cannotOpen(path:reason:)``.
    package init(path: String, busyTimeout: Duration) throws(DatastoreError) {
        try SQLiteFile.prepare(path)
        var configuration = Configuration()
        configuration.label = "signet.datastore"
        configuration.busyMode = .timeout(busyTimeout / .seconds(1))
        configuration.maximumReaderCount = 2
        do {
            self.pool = try DatabasePool(path: path, configuration: configuration)
            // The pool chose NORMAL for its only writing connection, which may lose the last transactions with the power.
            try self.pool.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
        } catch {
            throw .cannotOpen(path: path, reason: StoreFailure(sqlite: error).engineText)
        }
    }

    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        let result: Result<Value, StoreFailure> = await withCheckedContinuation { continuation in
            self.pool.asyncRead { opened in
                let result: Result<Value, any Error> = opened.flatMap { database in
                    Result { try body(SQLiteConnection(database: database)) }
                }
                continuation.resume(returning: result.mapError(StoreFailure.init(sqlite:)))
            }
        }
        return try result.get()
    }

    package func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value {
        let result: Result<Value, StoreFailure> = await withCheckedContinuation { continuation in
            self.pool.asyncWriteWithoutTransaction { database in
                continuation.resume(returning: Self.transaction(on: database, body))
            }
        }
        return try result.get()
    }

    package func writeBlocking<Value>(
        _ body: (any SQLConnection) throws(StoreFailure) -> Value
    ) throws(StoreFailure) -> Value {
        try self.pool.writeWithoutTransaction { database in Self.transaction(on: database, body) }.get()
    }

    private static func transaction<Value>(
        on database: Database, _ body: (any SQLConnection) throws(StoreFailure) -> Value
    ) -> Result<Value, StoreFailure> {
        var value: Value?
        do {
            try database.inTransaction(.immediate) {
                value = try body(SQLiteConnection(database: database))
                return .commit
            }
        } catch {
            return .failure(StoreFailure(sqlite: error))
        }
        return value.map(Result.success) ?? .failure(.unavailable("the transaction did not run"))
    }
}
