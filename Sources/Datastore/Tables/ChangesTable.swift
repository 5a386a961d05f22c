import FoundationEssentials
import Registration

/// The change log, and the counter its numbers come from.
enum ChangesTable {
    static let creation = """
        CREATE TABLE changes (
            number BIGINT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            actor TEXT NOT NULL,
            time_ms BIGINT NOT NULL
        )
        """

    static let counterCreation = """
        CREATE TABLE change_counter (
            id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
            number BIGINT NOT NULL
        )
        """

    static let counterRow = "INSERT INTO change_counter (id, number) VALUES (1, 0)"

    /// Takes the counter's row lock, so that no other writer can come between, and returns the last number.
    static func lock(_ sql: any SQLConnection) throws(StoreFailure) -> UInt64 {
        try Self.counter(sql, "UPDATE change_counter SET number = number RETURNING number")
    }

    /// The last number.
    static func last(_ sql: any SQLConnection) throws(StoreFailure) -> UInt64 {
        try Self.counter(sql, "SELECT number FROM change_counter")
    }

    static func insert(_ sql: any SQLConnection, _ change: Change) throws(StoreFailure) {
        try sql.execute(
            "INSERT INTO changes (number, kind, key, actor, time_ms) VALUES (?, ?, ?, ?, ?)",
            [
                .integer(Int64(change.number)), .text(change.kind.rawValue), .text(change.key),
                .text(change.actor.description),
                .integer(Int64((change.time.timeIntervalSince1970 * 1000).rounded(.down))),
            ])
    }

    /// Moves the counter to the last number taken, and forgets all but the newest `retained` changes.
    static func advance(_ sql: any SQLConnection, to last: UInt64, retained: UInt64) throws(StoreFailure) {
        try sql.execute("UPDATE change_counter SET number = ?", [.integer(Int64(last))])
        if last > retained {
            try sql.execute("DELETE FROM changes WHERE number <= ?", [.integer(Int64(last - retained))])
        }
    }

    static func changes(
        _ sql: any SQLConnection, after number: UInt64, limit: Int
    ) throws(StoreFailure) -> ChangesAfter {
        let last = try Self.last(sql)
        if number > last { return .ahead(last: last) }
        if number == last { return .changes([]) }
        let oldest = try sql.row(of: "SELECT MIN(number) FROM changes") { row throws(StoreFailure) in
            try row.optionalInteger(0).flatMap(UInt64.init(exactly:))
        }
        guard let oldest = oldest ?? nil else { throw .damaged("the change log has no rows, its counter is \(last)") }
        if number + 1 < oldest { return .tooOld(oldest: oldest) }
        return .changes(
            try sql.rows(
                of: """
                    SELECT number, kind, key, actor, time_ms FROM changes
                    WHERE number > ? ORDER BY number LIMIT ?
                    """,
                [.integer(Int64(number)), .integer(Int64(max(limit, 1)))], Self.change))
    }

    private static func change(_ row: any SQLRow) throws(StoreFailure) -> Change {
        guard let number = UInt64(exactly: try row.integer(0)), let kind = ChangeKind(rawValue: try row.text(1)),
            let actor = Actor(description: try row.text(3))
        else { throw .damaged("a row of the change log is unreadable") }
        return Change(
            number: number, kind: kind, key: try row.text(2), actor: actor,
            time: Date(timeIntervalSince1970: Double(try row.integer(4)) / 1000))
    }

    private static func counter(_ sql: any SQLConnection, _ statement: String) throws(StoreFailure) -> UInt64 {
        let number = try sql.row(of: statement) { row throws(StoreFailure) in try row.integer(0) }
        guard let number, let last = UInt64(exactly: number) else {
            throw .damaged("the change log has no counter")
        }
        return last
    }
}
