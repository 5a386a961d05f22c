import Registration

/// The authorities' journal: one row, replaced whole.
enum AuthorityTable {
    static let creation = """
        CREATE TABLE authority_journal (
            id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
            records TEXT NOT NULL
        )
        """

    static func records(_ sql: any SQLConnection) throws(StoreFailure) -> String? {
        try sql.row(of: "SELECT records FROM authority_journal") { row throws(StoreFailure) in try row.text(0) }
    }

    static func put(_ sql: any SQLConnection, records: String) throws(StoreFailure) {
        try sql.execute(
            """
            INSERT INTO authority_journal (id, records) VALUES (1, ?)
            ON CONFLICT (id) DO UPDATE SET records = excluded.records
            """,
            [.text(records)])
    }
}
