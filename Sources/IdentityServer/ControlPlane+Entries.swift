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
            let planned = plans.map { $0(self.registry) }
            var results = try await self.commit(planned.compactMap { try? $0.get() }, by: actor)[...]
            return planned.map { plan in
                plan.flatMap { _ in results.removeFirst().mapError { .store($0) } }
            }
        }
        self.expiryChanged.signal()
        return outcomes
    }

    /// Writes changes to the store, then to memory.
    ///
    /// The caller has the turn to write.
    func commit(
        _ changes: [EntryChange], by actor: Actor
    ) async throws -> [Result<RegistrationEntry, EntryStoreError>] {
        guard !changes.isEmpty else { return [] }
        let commit = try await self.writing {
            try await self.entryStore.apply(changes, actor: actor, now: self.instants.now())
        }
        self.registry.apply(self.transitions(changes, commit.results), position: commit.position)
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
