package import FoundationEssentials
package import SPIFFE

// An entry that has expired gives nothing, whether or not it was deleted: neither itself, nor what is below it.

extension EntryIndex {
    /// The SPIFFE IDs that an agent with these selectors answers to besides its own.
    ///
    /// Each is the SPIFFE ID of an entry whose parent is the server and whose selectors the agent all has.
    package func aliases(agentSelectors: Set<Selector>, now: Date) -> Set<SPIFFEID> {
        var aliases: Set<SPIFFEID> = []
        for selector in agentSelectors {
            for entry in self.nodeEntries(leastSelector: selector)
            where !entry.hasExpired(by: now) && entry.matches(workload: agentSelectors) {
                aliases.insert(entry.spiffeID)
            }
        }
        return aliases
    }

    /// The entries an agent may ask SVIDs for, ordered by id.
    ///
    /// They are those whose parent is one of `agentIDs` (the agent's own ID and its aliases) or the SPIFFE ID of an entry
    /// already among them. Cycles end: each parent is visited once.
    package func authorizedEntries(for agentIDs: Set<SPIFFEID>, now: Date) -> [RegistrationEntry] {
        var visited = agentIDs
        var waiting = Array(agentIDs)
        var authorized: [RegistrationEntry] = []
        while let parentID = waiting.popLast() {
            for entry in self.entries(parentID: parentID) where !entry.hasExpired(by: now) {
                authorized.append(entry)
                if visited.insert(entry.spiffeID).inserted { waiting.append(entry.spiffeID) }
            }
        }
        return authorized.sorted { $0.id < $1.id }
    }

    /// Whether ``authorizedEntries(for:now:)`` has the entry of this id; walks up from it, so its cost is that of its ancestry.
    package func isAuthorized(_ agentIDs: Set<SPIFFEID>, entryID: String, now: Date) -> Bool {
        guard let entry = self[entryID], !entry.hasExpired(by: now) else { return false }
        var visited: Set<SPIFFEID> = [entry.parentID]
        var waiting = [entry.parentID]
        while let id = waiting.popLast() {
            if agentIDs.contains(id) { return true }
            for ancestor in self.entries(spiffeID: id)
            where !ancestor.hasExpired(by: now) && visited.insert(ancestor.parentID).inserted {
                waiting.append(ancestor.parentID)
            }
        }
        return false
    }
}
