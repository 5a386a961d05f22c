import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE

/// Join tokens not used yet, as hashes.
enum JoinTokensTable {
    static let creation = """
        CREATE TABLE join_tokens (
            hash TEXT NOT NULL PRIMARY KEY,
            expires_at BIGINT NOT NULL,
            alias TEXT
        )
        """

    static func token(_ sql: any SQLConnection, _ hash: JoinTokenHash) throws(StoreFailure) -> JoinTokenRecord? {
        try sql.row(
            of: "SELECT expires_at, alias FROM join_tokens WHERE hash = ?", [.text(hash.hex)]
        ) { row throws(StoreFailure) in
            var alias: String?
            alias = try row.optionalText(1)
            return JoinTokenRecord(
                hash: hash, expiresAt: Date(unixSeconds: try row.integer(0)),
                alias: try alias.map { text throws(StoreFailure) in try Column.spiffeID(text) })
        }
    }

    /// Whether it was inserted; false when one of the same hash is there.
    static func insert(_ sql: any SQLConnection, _ token: JoinTokenRecord) throws(StoreFailure) -> Bool {
        try sql.execute(
            "INSERT INTO join_tokens (hash, expires_at, alias) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [.text(token.hash.hex), .integer(token.expiresAt.unixSeconds), SQLValue(token.alias?.uri)]) == 1
    }

    static func delete(_ sql: any SQLConnection, _ hash: JoinTokenHash) throws(StoreFailure) {
        try sql.execute("DELETE FROM join_tokens WHERE hash = ?", [.text(hash.hex)])
    }

    /// How many expired at or before `now`, and are deleted.
    static func deleteExpired(_ sql: any SQLConnection, now: Date) throws(StoreFailure) -> Int {
        try sql.execute("DELETE FROM join_tokens WHERE expires_at <= ?", [.integer(now.unixSeconds)])
    }
}
