import AccessGrants
import AccessTokens
import FoundationEssentials
import Registration

/// What is revoked, until it has expired anyway.
enum RevocationsTable {
    static let creation = """
        CREATE TABLE revocations (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            revoked_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            reason TEXT NOT NULL,
            created_by TEXT NOT NULL,
            number BIGINT NOT NULL,
            PRIMARY KEY (kind, name)
        )
        """

    static func all(_ sql: any SQLConnection) throws(StoreFailure) -> [RecordedRevocation] {
        try sql.rows(
            of: """
                SELECT kind, name, revoked_at, expires_at, reason, created_by, number FROM revocations ORDER BY number
                """
        ) { row throws(StoreFailure) in
            let kind = try row.text(0)
            let name = try row.text(1)
            guard let target = try? Revocation.Target(kind: kind, name: name),
                let actor = Actor(description: try row.text(5)), let number = UInt64(exactly: try row.integer(6))
            else { throw .damaged("a row of the revocations is unreadable") }
            return RecordedRevocation(
                Revocation(
                    target, revokedAt: Date(unixSeconds: try row.integer(2)),
                    expiresAt: Date(unixSeconds: try row.integer(3))),
                reason: try row.text(4), createdBy: actor, number: number)
        }
    }

    static func put(_ sql: any SQLConnection, _ recorded: RecordedRevocation) throws(StoreFailure) {
        let revocation = recorded.revocation
        try sql.execute(
            """
            INSERT INTO revocations (kind, name, revoked_at, expires_at, reason, created_by, number)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (kind, name) DO UPDATE SET revoked_at = excluded.revoked_at, expires_at = excluded.expires_at,
                reason = excluded.reason, created_by = excluded.created_by, number = excluded.number
            """,
            [
                .text(revocation.target.kind), .text(revocation.target.name),
                .integer(revocation.revokedAt.unixSeconds), .integer(revocation.expiresAt.unixSeconds),
                .text(recorded.reason), .text(recorded.createdBy.description), .integer(Int64(recorded.number)),
            ])
    }

    /// How many expired at or before `now`, and are deleted.
    static func deleteExpired(_ sql: any SQLConnection, now: Date) throws(StoreFailure) -> Int {
        try sql.execute("DELETE FROM revocations WHERE expires_at <= ?", [.integer(now.unixSeconds)])
    }
}
