import Registration

/// The epochs before the current one, each with the last number that is true of it in this file.
enum EarlierEpochsTable {
    /// How many are kept; servers that start more often than agents come back make those begin anew.
    static let capacity: Int64 = 64

    /// `ordinal` counts the openings of the store.
    static let creation = """
        CREATE TABLE earlier_epochs (
            ordinal BIGINT NOT NULL PRIMARY KEY,
            epoch TEXT NOT NULL UNIQUE,
            last_number BIGINT NOT NULL
        )
        """

    /// Closes an epoch after a number, and forgets the oldest beyond ``capacity``.
    static func add(_ sql: any SQLConnection, epoch: String, last: UInt64) throws(StoreFailure) {
        let newest = try sql.row(of: "SELECT MAX(ordinal) FROM earlier_epochs") { row throws(StoreFailure) in
            try row.optionalInteger(0)
        }
        let ordinal = ((newest ?? nil) ?? 0) + 1
        try sql.execute(
            "INSERT INTO earlier_epochs (ordinal, epoch, last_number) VALUES (?, ?, ?)",
            [.integer(ordinal), .text(epoch), .integer(Int64(last))])
        try sql.execute("DELETE FROM earlier_epochs WHERE ordinal <= ?", [.integer(ordinal - Self.capacity)])
    }

    /// The last number of each.
    static func all(_ sql: any SQLConnection) throws(StoreFailure) -> [String: UInt64] {
        let rows = try sql.rows(of: "SELECT epoch, last_number FROM earlier_epochs") { row throws(StoreFailure) in
            guard let last = UInt64(exactly: try row.integer(1)) else {
                throw .damaged("the last number of an epoch is negative")
            }
            return (try row.text(0), last)
        }
        return Dictionary(rows) { _, last in last }
    }
}
