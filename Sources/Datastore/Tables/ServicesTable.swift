import AccessGrants
import AccessTokens
import FoundationEssentials
import Registration
import SPIFFE

/// Services that can be called with access tokens.
enum ServicesTable {
    static let creation = """
        CREATE TABLE services (
            name TEXT NOT NULL PRIMARY KEY,
            members TEXT NOT NULL,
            audience TEXT NOT NULL UNIQUE,
            owners TEXT NOT NULL,
            summary TEXT NOT NULL,
            binding TEXT NOT NULL,
            created_by TEXT NOT NULL,
            created_at BIGINT NOT NULL
        )
        """

    private static let selection = """
        SELECT name, members, audience, owners, summary, binding, created_by, created_at FROM services
        """

    static func all(
        _ sql: any SQLConnection, in trustDomain: TrustDomain
    ) throws(StoreFailure) -> [RegisteredService] {
        try sql.rows(of: Self.selection) { row throws(StoreFailure) in
            try Self.service(row, in: trustDomain)
        }
    }

    static func put(_ sql: any SQLConnection, _ service: RegisteredService) throws(StoreFailure) {
        try sql.execute(
            """
            INSERT INTO services (name, members, audience, owners, summary, binding, created_by, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET members = excluded.members, audience = excluded.audience,
                owners = excluded.owners, summary = excluded.summary, binding = excluded.binding,
                created_by = excluded.created_by, created_at = excluded.created_at
            """,
            [
                .text(service.name.text), .text(service.members.description), .text(service.audience.text),
                .text(TextList.encode(service.owners)), .text(service.summary), .text(service.binding.rawValue),
                .text(service.createdBy.description), .integer(service.createdAt.unixSeconds),
            ])
    }

    /// Frees the audience of a service that gets another one in the same transaction; a name is no URI.
    static func releaseAudience(_ sql: any SQLConnection, name: ServiceName) throws(StoreFailure) {
        try sql.execute("UPDATE services SET audience = name WHERE name = ?", [.text(name.text)])
    }

    static func delete(_ sql: any SQLConnection, name: ServiceName) throws(StoreFailure) {
        try sql.execute("DELETE FROM services WHERE name = ?", [.text(name.text)])
    }

    private static func service(
        _ row: any SQLRow, in trustDomain: TrustDomain
    ) throws(StoreFailure) -> RegisteredService {
        let texts = (
            name: try row.text(0), members: try row.text(1), audience: try row.text(2), summary: try row.text(4)
        )
        let owners = try TextList.decode(row.text(3))
        guard let binding = BindingRule(rawValue: try row.text(5)), let actor = Actor(description: try row.text(6))
        else { throw .damaged("a row of the services is unreadable") }
        let createdAt = Date(unixSeconds: try row.integer(7))
        do throws(AccessRuleError) {
            return try RegisteredService(
                name: ServiceName(parsing: texts.name),
                members: SPIFFEIDPattern(parsing: texts.members, in: trustDomain),
                audience: AudienceURI(parsing: texts.audience), owners: owners, summary: texts.summary,
                binding: binding, createdBy: actor, createdAt: createdAt)
        } catch {
            throw .damaged("a row holds an invalid service: \(error)")
        }
    }
}
