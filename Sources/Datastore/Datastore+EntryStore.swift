package import FoundationEssentials
package import Registration

extension Datastore: EntryStore {
    package func snapshot() async throws(StoreFailure) -> EntrySnapshot {
        let epoch = self.epoch
        return try await self.database.read { sql throws(StoreFailure) in
            let number = try ChangesTable.last(sql)
            return EntrySnapshot(
                entries: try EntriesTable.all(sql), position: ChangePosition(epoch: epoch, number: number))
        }
    }

    package func entries(ids: Set<String>) async throws(StoreFailure) -> [RegistrationEntry] {
        try await self.database.read { sql throws(StoreFailure) in
            var entries: [RegistrationEntry] = []
            for id in ids {
                if let entry = try EntriesTable.entry(sql, id: id) { entries.append(entry) }
            }
            return entries
        }
    }

    package func apply(
        _ changes: [EntryChange], actor: Actor, now: Date
    ) async throws(StoreFailure) -> EntryCommit {
        let (results, position) = try await self.commit(actor: actor, now: now) { sql, recorder throws(StoreFailure) in
            var results: [Result<RegistrationEntry, EntryStoreError>] = []
            results.reserveCapacity(changes.count)
            for change in changes {
                let result = try Self.apply(change, on: sql)
                if case .success(let entry) = result { try recorder.record(.entry, entry.id, on: sql) }
                results.append(result)
            }
            return results
        }
        return EntryCommit(results: results, position: position)
    }

    private static func apply(
        _ change: EntryChange, on sql: any SQLConnection
    ) throws(StoreFailure) -> Result<RegistrationEntry, EntryStoreError> {
        switch change {
        case .create(let entry): try EntriesTable.insert(sql, entry)
        case .update(let id, let update): try EntriesTable.update(sql, id: id, update)
        case .delete(let id): try EntriesTable.delete(sql, id: id)
        }
    }
}
