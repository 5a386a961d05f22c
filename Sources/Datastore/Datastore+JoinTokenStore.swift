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
        token: String, agent: AttestedAgent, aliasEntryID: String, actor: Actor, now: Date
    ) async throws(JoinTokenError) -> JoinTokenUse {
        let hash = JoinTokenHash(of: token)
        let outcome: Result<RegistrationEntry?, JoinTokenError>
        let position: ChangePosition
        do {
            (outcome, position) = try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
                try Self.consume(hash, agent, aliasEntryID, now: now, on: sql, &recorder)
            }
        } catch {
            throw .store(error)
        }
        return JoinTokenUse(position: position, aliasEntry: try outcome.get())
    }

    package func pruneExpired(now: Date) async throws(StoreFailure) -> Int {
        try await self.database.write { sql throws(StoreFailure) in
            try JoinTokensTable.deleteExpired(sql, now: now)
        }
    }

    private static func consume(
        _ hash: JoinTokenHash, _ agent: AttestedAgent, _ aliasEntryID: String, now: Date,
        on sql: any SQLConnection, _ recorder: inout ChangeRecorder
    ) throws(StoreFailure) -> Result<RegistrationEntry?, JoinTokenError> {
        guard let token = try JoinTokensTable.token(sql, hash) else { return .failure(.unknownOrUsed) }
        if token.expiresAt <= now {
            try JoinTokensTable.delete(sql, hash)
            return .failure(.expired)
        }
        if try AgentsTable.agent(sql, id: agent.id)?.banned ?? false { return .failure(.agentBanned(agent.id)) }
        try JoinTokensTable.delete(sql, hash)
        try AgentsTable.put(sql, agent)
        try recorder.record(.agent, agent.id.uri, on: sql)
        guard let alias = token.alias else { return .success(nil) }
        let entry: RegistrationEntry
        do {
            entry = try JoinTokenAttestation.aliasEntry(id: aliasEntryID, alias: alias, agentID: agent.id, now: now)
        } catch {
            throw .damaged("the alias of a join token makes no entry: \(error)")
        }
        switch try EntriesTable.insert(sql, entry) {
        case .success:
            try recorder.record(.entry, entry.id, on: sql)
            return .success(entry)
        case .failure(.alreadyExists): return .success(nil)
        case .failure: throw .unavailable("the id of the alias entry belongs to another entry")
        }
    }
}
