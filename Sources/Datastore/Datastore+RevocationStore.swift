package import AccessGrants
package import AccessTokens
package import FoundationEssentials
package import Registration

extension Datastore: RevocationStore {
    package func revocations() async throws(StoreFailure) -> (
        revocations: [RecordedRevocation], position: ChangePosition
    ) {
        let epoch = self.epoch
        return try await self.database.read { sql throws(StoreFailure) in
            let number = try ChangesTable.last(sql)
            return (try RevocationsTable.all(sql), ChangePosition(epoch: epoch, number: number))
        }
    }

    package func put(
        _ revocation: Revocation, reason: String, actor: Actor, now: Date
    ) async throws(StoreFailure) -> ChangePosition {
        try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
            try recorder.record(.revocation, "\(revocation.target.kind) \(revocation.target.name)", on: sql)
            try RevocationsTable.put(
                sql, RecordedRevocation(revocation, reason: reason, createdBy: actor, number: recorder.number))
        }.position
    }

    package func pruneRevocations(now: Date) async throws(StoreFailure) -> Int {
        try await self.database.write { sql throws(StoreFailure) in
            try RevocationsTable.deleteExpired(sql, now: now)
        }
    }
}
