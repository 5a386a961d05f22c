import Registration

/// The tables of every schema version.
///
/// Version N is what the first N migrations make; a migration that was released never changes.
enum Schema {
    static var version: Int { Self.migrations.count }

    /// Brings a database from a version to the current one, in the caller's transaction.
    static func migrate(_ sql: any SQLConnection, from version: Int) throws(StoreFailure) {
        for migration in Self.migrations.dropFirst(version) {
            for statement in migration {
                try sql.execute(statement)
            }
        }
    }

    private static let migrations: [[String]] = [
        Self.first, Self.second, Self.access, Self.tokenKeys, Self.revocations,
    ]

    private static let first = [
        EntriesTable.creation,
        ChangesTable.creation,
        ChangesTable.counterCreation,
        ChangesTable.counterRow,
        AgentsTable.creation,
        JoinTokensTable.creation,
        AuthorityTable.creation,
    ]

    private static let second = [EarlierEpochsTable.creation]

    private static let access = [
        ServicesTable.creation,
        GrantsTable.creation,
    ]

    private static let tokenKeys = [TokenKeysTable.creation]

    private static let revocations = [RevocationsTable.creation]
}
