import FoundationEssentials
import NodeAttestation
import Registration
import SPIFFE

/// Attested agents.
enum AgentsTable {
    static let creation = """
        CREATE TABLE agents (
            id TEXT NOT NULL PRIMARY KEY,
            attestation_type TEXT NOT NULL,
            serial_number TEXT NOT NULL,
            expires_at BIGINT NOT NULL,
            new_serial_number TEXT,
            new_expires_at BIGINT,
            selectors TEXT NOT NULL,
            banned SMALLINT NOT NULL,
            can_reattest SMALLINT NOT NULL,
            agent_version TEXT NOT NULL
        )
        """

    private static let selection = """
        SELECT id, attestation_type, serial_number, expires_at, new_serial_number, new_expires_at, selectors, banned, \
        can_reattest, agent_version FROM agents
        """

    static func all(_ sql: any SQLConnection) throws(StoreFailure) -> [AttestedAgent] {
        try sql.rows(of: Self.selection, [], Self.agent)
    }

    static func agent(_ sql: any SQLConnection, id: SPIFFEID) throws(StoreFailure) -> AttestedAgent? {
        try sql.row(of: "\(Self.selection) WHERE id = ?", [.text(id.uri)], Self.agent)
    }

    static func put(_ sql: any SQLConnection, _ agent: AttestedAgent) throws(StoreFailure) {
        try sql.execute(
            """
            INSERT INTO agents (id, attestation_type, serial_number, expires_at, new_serial_number, new_expires_at,
                selectors, banned, can_reattest, agent_version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET attestation_type = excluded.attestation_type,
                serial_number = excluded.serial_number, expires_at = excluded.expires_at,
                new_serial_number = excluded.new_serial_number, new_expires_at = excluded.new_expires_at,
                selectors = excluded.selectors, banned = excluded.banned, can_reattest = excluded.can_reattest,
                agent_version = excluded.agent_version
            """,
            [
                .text(agent.id.uri), .text(agent.attestationType), .text(agent.serialNumber),
                .integer(agent.expiresAt.unixSeconds), SQLValue(agent.newSerialNumber),
                SQLValue(agent.newExpiresAt?.unixSeconds),
                .text(TextList.encode(agent.selectors.lazy.map(\.description))), SQLValue(agent.banned),
                SQLValue(agent.canReattest), .text(agent.agentVersion),
            ])
    }

    /// Whether there was one to delete.
    static func delete(_ sql: any SQLConnection, id: SPIFFEID) throws(StoreFailure) -> Bool {
        try sql.execute("DELETE FROM agents WHERE id = ?", [.text(id.uri)]) > 0
    }

    private static func agent(_ row: any SQLRow) throws(StoreFailure) -> AttestedAgent {
        AttestedAgent(
            id: try Column.spiffeID(row.text(0)), attestationType: try row.text(1), serialNumber: try row.text(2),
            expiresAt: Date(unixSeconds: try row.integer(3)), newSerialNumber: try row.optionalText(4),
            newExpiresAt: try row.optionalInteger(5).map(Date.init(unixSeconds:)),
            selectors: try Column.selectors(row.text(6)), banned: try row.flag(7), canReattest: try row.flag(8),
            agentVersion: try row.text(9))
    }
}
