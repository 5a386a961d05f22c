import AccessGrants
import AccessTokens
import FoundationEssentials
import Registration
import SPIFFE

/// Which caller may have which scopes for which service.
enum GrantsTable {
    static let creation = """
        CREATE TABLE grants (
            id TEXT NOT NULL PRIMARY KEY,
            caller TEXT NOT NULL,
            service TEXT NOT NULL,
            scopes TEXT NOT NULL,
            maximum_lifetime BIGINT,
            not_after BIGINT,
            reason TEXT NOT NULL,
            created_by TEXT NOT NULL,
            created_at BIGINT NOT NULL
        )
        """

    private static let selection = """
        SELECT id, caller, service, scopes, maximum_lifetime, not_after, reason, created_by, created_at FROM grants
        """

    static func all(_ sql: any SQLConnection, in trustDomain: TrustDomain) throws(StoreFailure) -> [Grant] {
        try sql.rows(of: Self.selection) { row throws(StoreFailure) in try Self.grant(row, in: trustDomain) }
    }

    static func put(_ sql: any SQLConnection, _ grant: Grant) throws(StoreFailure) {
        try sql.execute(
            """
            INSERT INTO grants (id, caller, service, scopes, maximum_lifetime, not_after, reason, created_by, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET caller = excluded.caller, service = excluded.service,
                scopes = excluded.scopes, maximum_lifetime = excluded.maximum_lifetime, not_after = excluded.not_after,
                reason = excluded.reason, created_by = excluded.created_by, created_at = excluded.created_at
            """,
            [
                .text(grant.id), .text(grant.caller.description), .text(grant.service.text), .text(grant.scopes.text),
                SQLValue(grant.maximumLifetime?.components.seconds), SQLValue(grant.notAfter?.unixSeconds),
                .text(grant.reason), .text(grant.createdBy.description), .integer(grant.createdAt.unixSeconds),
            ])
    }

    static func delete(_ sql: any SQLConnection, id: String) throws(StoreFailure) {
        try sql.execute("DELETE FROM grants WHERE id = ?", [.text(id)])
    }

    private static func grant(_ row: any SQLRow, in trustDomain: TrustDomain) throws(StoreFailure) -> Grant {
        let texts = (id: try row.text(0), caller: try row.text(1), service: try row.text(2), reason: try row.text(6))
        let lifetime = try row.optionalInteger(4).map { Duration.seconds($0) }
        let notAfter = try row.optionalInteger(5).map(Date.init(unixSeconds:))
        guard let scopes = try? ScopeSet(parsing: try row.text(3)), let actor = Actor(description: try row.text(7))
        else { throw .damaged("a row of the grants is unreadable") }
        let createdAt = Date(unixSeconds: try row.integer(8))
        do throws(AccessRuleError) {
            return try Grant(
                id: texts.id, caller: SPIFFEIDPattern(parsing: texts.caller, in: trustDomain),
                service: ServiceName(parsing: texts.service), scopes: scopes, maximumLifetime: lifetime,
                notAfter: notAfter, reason: texts.reason, createdBy: actor, createdAt: createdAt)
        } catch {
            throw .damaged("a row holds an invalid grant: \(error)")
        }
    }
}
