import FoundationEssentials
import Registration
import SPIFFE

/// What an agent was not told, as values that are worked out without the lock of the registry.
///
/// The index is a copy of a moment, which costs the writers of the next ones little.
struct OutstandingUpdate: Sendable {
    let pending: AgentWatch.Pending
    let roots: Set<SPIFFEID>
    /// The selectors of the agent's node.
    let agentSelectors: Set<Selector>
    let entries: EntryIndex
    let history: ChangeHistory
    /// Whether any entry at all expires.
    let hasExpiries: Bool
    let position: ChangePosition

    /// What brings the agent up to the position.
    func update(now: Date) -> AgentWatch.Update {
        guard let touched = self.touched(), touched.count <= ControlPlaneLimits.maxToldChanges else {
            return AgentWatch.Update(
                isFull: true, entries: self.entries.authorizedEntries(for: self.roots, now: now), removedEntryIDs: [],
                position: self.position)
        }
        var update = AgentWatch.Update(isFull: false, entries: [], removedEntryIDs: [], position: self.position)
        for id in touched.sorted() {
            if let entry = self.entries.authorizedEntry(id: id, roots: self.roots, now: now) {
                update.entries.append(entry)
            } else {
                update.removedEntryIDs.append(id)
            }
        }
        return update
    }

    /// The IDs of the entries that may be others than the agent holds; `nil` when it needs everything.
    private func touched() -> Set<String>? {
        switch self.pending {
        case .nothing: []
        case .everything: nil
        case .changes(let number, let touched): self.changes(after: number)?.union(touched)
        case .resumption(let number):
            self.changes(after: number).flatMap { changes in self.expiringEntries()?.union(changes) }
        }
    }

    private func changes(after number: UInt64) -> Set<String>? {
        guard case .touched(let ids) = self.history.extract(after: number, below: self.roots) else { return nil }
        return ids
    }

    /// The IDs of the agent's entries that expire or have expired; what it holds of them may be of another time.
    ///
    /// `nil` when more of what it is authorised for depends on one of them.
    private func expiringEntries() -> Set<String>? {
        guard self.hasExpiries else { return [] }
        let ever = self.entries.aliases(agentSelectors: self.agentSelectors, now: .distantPast)
        guard ever == self.entries.aliases(agentSelectors: self.agentSelectors, now: .distantFuture) else { return nil }
        var expiring: Set<String> = []
        for entry in self.entries.authorizedEntries(for: self.roots, now: .distantPast) where entry.expiresAt != nil {
            guard !self.entries.hasEntries(parentID: entry.spiffeID) else { return nil }
            expiring.insert(entry.id)
        }
        return expiring
    }
}

extension EntryIndex {
    /// The entry, if an agent with these roots is authorised for it.
    func authorizedEntry(id: String, roots: Set<SPIFFEID>, now: Date) -> RegistrationEntry? {
        guard let entry = self[id], self.isAuthorized(roots, entryID: id, now: now) else { return nil }
        return entry
    }
}
