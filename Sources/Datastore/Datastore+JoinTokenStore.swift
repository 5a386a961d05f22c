package import FoundationEssentials
package import NodeAttestation
package import Registration
import SPIFFE

extension Datastore: JoinTokenStore {
    package func create(_ token: JoinTokenRecord, now: Date) async throws(JoinTokenError) {
        let created: Bool
        do {
            created = try await self.database.write { sql throws(StoreFailure) in
                if let old = try JoinTokensTable.token(sql, token.hash), old.expiresAt <= now {
                    try JoinTokensTable.delete(sql, token.hash)
                }
                return try JoinTokensTable.insert(sql, token)
            }
        } catch {
            throw .store(error)
        }
        guard created else { throw .alreadyExists }
    }

    package func find(_ hash: JoinTokenHash) async throws(StoreFailure) -> JoinTokenRecord? {
        try await self.database.read { sql throws(StoreFailure) in try JoinTokensTable.token(sql, hash) }
    }

    package func consume(
        token: String, agent: AttestedAgent, alias: RegistrationEntry?, actor: Actor, now: Date
    ) async throws(JoinTokenError) -> ChangePosition {
        let hash = JoinTokenHash(of: token)
        let refused: JoinTokenError?
        let position: ChangePosition
        do {
            (refused, position) = try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
                try Self.consume(hash, agent, alias, now: now, on: sql, &recorder)
            }
        } catch {
            throw .store(error)
        }
        if let refused { throw refused }
        return position
    }

    package func pruneExpired(now: Date) async throws(StoreFailure) -> Int {
        try await self.database.write { sql throws(StoreFailure) in
            try JoinTokensTable.deleteExpired(sql, now: now)
        }
    }

    private static func consume(
        _ hash: JoinTokenHash, _ agent: AttestedAgent, _ alias: RegistrationEntry?, now: Date,
        on sql: any SQLConnection, _ recorder: inout ChangeRecorder
    ) throws(StoreFailure) -> JoinTokenError? {
        guard let token = try JoinTokensTable.token(sql, hash) else { return .unknownOrUsed }
        if token.expiresAt <= now {
            try JoinTokensTable.delete(sql, hash)
            return .expired
        }
        if try AgentsTable.agent(sql, id: agent.id)?.banned ?? false { return .agentBanned(agent.id) }
        try JoinTokensTable.delete(sql, hash)
        try AgentsTable.put(sql, agent)
        try recorder.record(.agent, agent.id.uri, on: sql)
        guard let alias else { return nil }
        switch try EntriesTable.insert(sql, alias) {
        case .success: try recorder.record(.entry, alias.id, on: sql)
        case .failure(.alreadyExists): break
        case .failure: throw .unavailable("the id of the alias entry belongs to another entry")
        }
        return nil
    }
}
