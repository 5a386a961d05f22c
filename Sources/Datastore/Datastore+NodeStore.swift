package import FoundationEssentials
package import NodeAttestation
package import Registration
package import SPIFFE

extension Datastore: NodeStore {
    package func agents() async throws(StoreFailure) -> [AttestedAgent] {
        try await self.database.read { sql throws(StoreFailure) in try AgentsTable.all(sql) }.sorted { $0.id < $1.id }
    }

    package func agent(_ id: SPIFFEID) async throws(StoreFailure) -> AttestedAgent? {
        try await self.database.read { sql throws(StoreFailure) in try AgentsTable.agent(sql, id: id) }
    }

    package func put(_ agent: AttestedAgent, actor: Actor, now: Date) async throws(NodeStoreError) -> ChangePosition {
        try await self.change(agent.id, actor: actor, now: now) { sql, current throws(StoreFailure) in
            if let current, current.banned { return .failure(.banned(current.id)) }
            try AgentsTable.put(sql, agent)
            return .success(true)
        }
    }

    package func update(
        _ id: SPIFFEID, _ change: AgentChange, actor: Actor, now: Date
    ) async throws(NodeStoreError) -> ChangePosition {
        try await self.change(id, actor: actor, now: now) { sql, current throws(StoreFailure) in
            guard let current else { return .failure(.notFound(id)) }
            switch Result(catching: { () throws(NodeStoreError) in try current.applying(change) }) {
            case .failure(let refused): return .failure(refused)
            case .success(nil): return .success(false)
            case .success(let next?):
                try AgentsTable.put(sql, next)
                return .success(true)
            }
        }
    }

    package func delete(
        _ id: SPIFFEID, entryIDs: [String], actor: Actor, now: Date
    ) async throws(NodeStoreError) -> ChangePosition {
        let isDeleted: Bool
        let position: ChangePosition
        do {
            (isDeleted, position) = try await self.commit(actor: actor, now: now) {
                sql, recorder throws(StoreFailure) in
                guard try AgentsTable.delete(sql, id: id) else { return false }
                try recorder.record(.agent, id.uri, on: sql)
                for entryID in entryIDs {
                    guard case .success = try EntriesTable.delete(sql, id: entryID) else { continue }
                    try recorder.record(.entry, entryID, on: sql)
                }
                return true
            }
        } catch {
            throw .store(error)
        }
        guard isDeleted else { throw .notFound(id) }
        return position
    }

    /// Runs one transaction about one agent; `body` is given the agent as it is and answers whether it changed it.
    private func change(
        _ id: SPIFFEID, actor: Actor, now: Date,
        _ body:
            @escaping @Sendable (any SQLConnection, AttestedAgent?) throws(StoreFailure) -> Result<Bool, NodeStoreError>
    ) async throws(NodeStoreError) -> ChangePosition {
        let result: Result<Bool, NodeStoreError>
        let position: ChangePosition
        do {
            (result, position) = try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
                let result = try body(sql, try AgentsTable.agent(sql, id: id))
                if case .success(true) = result { try recorder.record(.agent, id.uri, on: sql) }
                return result
            }
        } catch {
            throw .store(error)
        }
        _ = try result.get()
        return position
    }
}
