import NodeAttestation
import Registration
import Rotation

/// Why one item of a batch was not carried out.
enum EntryRefusal: Error, Hashable {
    case missingID
    case invalid(RegistrationError)
    case store(EntryStoreError)
}

extension ControlPlane {
    /// What one item of a batch asks for, given the entries as they are when its turn comes.
    typealias EntryPlan = @Sendable (Registry) -> Result<EntryChange, EntryRefusal>

    /// Writes a batch of changes to the store, then to memory, and wakes the agents they concern.
    ///
    /// - Returns: An outcome for each plan, in order. A plan or change that fails does so alone.
    /// - Throws: `StoreFailure` when nothing was written.
    func commitEach(
        _ plans: [EntryPlan], by actor: Actor
    ) async throws -> [Result<RegistrationEntry, EntryRefusal>] {
        let outcomes = try await self.writes.run {
            let planned = plans.map { plan in
                plan(self.registry).map { change in self.clearing(the: change) + [change] }
            }
            var results = try await self.commit(planned.flatMap { (try? $0.get()) ?? [] }, by: actor)[...]
            return planned.map { plan in
                plan.flatMap { changes in
                    results.removeFirst(changes.count - 1)
                    return results.removeFirst().mapError { .store($0) }
                }
            }
        }
        self.expiryChanged.signal()
        return outcomes
    }

    /// The deletions without which a creation would meet an entry that has expired and was not deleted yet.
    private func clearing(the change: EntryChange) -> [EntryChange] {
        guard case .create(let entry) = change else { return [] }
        return self.registry.read { $0.expiredEntries(inTheWayOf: entry) }.map { .delete(id: $0.id) }
    }

    /// Writes changes to the store, then to memory.
    ///
    /// The caller has the turn to write.
    func commit(
        _ changes: [EntryChange], by actor: Actor
    ) async throws -> [Result<RegistrationEntry, EntryStoreError>] {
        guard !changes.isEmpty else { return [] }
        let now = self.instants.now()
        let commit = try await self.writing {
            try await self.entryStore.apply(changes, actor: actor, now: now)
        }
        self.registry.apply(self.transitions(changes, commit.results), position: commit.position, now: now)
        return commit.results
    }

    private func transitions(
        _ changes: [EntryChange], _ results: [Result<RegistrationEntry, EntryStoreError>]
    ) -> [EntryTransition] {
        self.registry.read { state in
            zip(changes, results).compactMap { change, result in
                guard case .success(let entry) = result else { return nil }
                if case .delete = change { return EntryTransition(before: entry, after: nil) }
                return EntryTransition(before: state.entries[entry.id], after: entry)
            }
        }
    }
}
