package import Registration

/// A database that runs transactions: writers one after the other, readers on a consistent snapshot.
package protocol SQLDatabase: Sendable {
    /// Runs `body` in a read transaction.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value

    /// Runs `body` in a write transaction that is durable when this returns, and rolled back when `body` throws.
    ///
    /// Once begun it goes on to its end even if the caller's task is cancelled: the answer says what happened.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> Value

    /// As ``write(_:)``, blocking the thread: for opening a store.
    func writeBlocking<Value>(_ body: (any SQLConnection) throws(StoreFailure) -> Value) throws(StoreFailure) -> Value
}
