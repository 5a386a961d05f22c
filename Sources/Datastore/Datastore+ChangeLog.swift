import FoundationEssentials
package import Registration

extension Datastore: ChangeLog {
    package func changes(after number: UInt64, limit: Int) async throws(StoreFailure) -> ChangesAfter {
        try await self.database.read { sql throws(StoreFailure) in
            try ChangesTable.changes(sql, after: number, limit: limit)
        }
    }

    package func position() async throws(StoreFailure) -> ChangePosition {
        let number = try await self.database.read { sql throws(StoreFailure) in try ChangesTable.last(sql) }
        return ChangePosition(epoch: self.epoch, number: number)
    }

    /// Runs one transaction that records its changes, and returns the position after it.
    func commit<Value: Sendable>(
        actor: Actor, now: Date,
        _ body: @escaping @Sendable (any SQLConnection, inout ChangeRecorder) throws(StoreFailure) -> Value
    ) async throws(StoreFailure) -> (value: Value, position: ChangePosition) {
        let retained = max(self.limits.retainedChanges, 1)
        let epoch = self.epoch
        return try await self.database.write { sql throws(StoreFailure) in
            let last = try ChangesTable.lock(sql)
            var recorder = ChangeRecorder(after: last, actor: actor, time: now)
            let value = try body(sql, &recorder)
            if recorder.number > last {
                try ChangesTable.advance(sql, to: recorder.number, retained: retained)
            }
            return (value, ChangePosition(epoch: epoch, number: recorder.number))
        }
    }
}
