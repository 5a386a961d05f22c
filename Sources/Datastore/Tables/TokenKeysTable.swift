import Registration

/// The journal of the keys that sign access tokens: one row, replaced whole.
enum TokenKeysTable {
    static let creation = """
        CREATE TABLE token_key_journal (
            id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
            records TEXT NOT NULL
        )
        """

    static func records(_ sql: any SQLConnection) throws(StoreFailure) -> String? {
        try sql.row(of: "SELECT records FROM token_key_journal") { row throws(StoreFailure) in try row.text(0) }
    }

    static func put(_ sql: any SQLConnection, records: String) throws(StoreFailure) {
        try sql.execute(
            """
            INSERT INTO token_key_journal (id, records) VALUES (1, ?)
            ON CONFLICT (id) DO UPDATE SET records = excluded.records
            """,
            [.text(records)])
    }
}
