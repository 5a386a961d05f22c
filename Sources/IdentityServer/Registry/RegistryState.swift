import FoundationEssentials
import NodeAttestation
import Registration
import Rotation
import SPIFFE

/// The state of a ``Registry`` and its transitions, which return the streams to wake.
struct RegistryState: Sendable {
    private(set) var entries: EntryIndex
    private(set) var agents: [SPIFFEID: AttestedAgent]
    private(set) var position: ChangePosition

    /// The parent of entries that are aliases of agents.
    private let serverID: SPIFFEID
    /// The last number of each epoch before this one.
    private let earlierEpochs: [String: UInt64]
    private var history: ChangeHistory
    private var watches: [UInt64: AgentWatch] = [:]
    /// The streams below each agent ID and alias.
    private var watchesByRoot: [SPIFFEID: Set<UInt64>] = [:]
    private var nextWatchID: UInt64 = 0
    /// When the entries that expire do so.
    private var expiries: [String: Date]
    private var isEnding = false

    init(
        entries: EntryIndex, position: ChangePosition, agents: [AttestedAgent], serverID: SPIFFEID,
        earlierEpochs: [String: UInt64], history: ChangeHistory
    ) {
        self.entries = entries
        self.position = position
        self.agents = Dictionary(agents.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
        self.serverID = serverID
        self.earlierEpochs = earlierEpochs
        self.history = history
        self.expiries = entries.entries().reduce(into: [:]) { $0[$1.id] = $1.expiresAt }
    }

    // MARK: Questions

    /// What authorisation needs to know about a caller.
    func facts(about id: SPIFFEID, now: Date) -> Authorization.Facts {
        let isAdmin = self.entries.entries(spiffeID: id).contains { entry in
            entry.admin && entry.expiresAt.map { $0 > now } ?? true
        }
        return Authorization.Facts(isAdmin: isAdmin, agent: self.agents[id])
    }

    /// The SPIFFE IDs whose descendants an agent may ask for: its own and its aliases.
    func roots(of agentID: SPIFFEID) -> Set<SPIFFEID> {
        let selectors = Set(self.agents[agentID]?.selectors ?? [])
        return self.entries.aliases(agentSelectors: selectors).union([agentID])
    }

    /// The entries an agent is authorised for, by entry ID.
    func authorizedEntries(for agentID: SPIFFEID) -> [RegistrationEntry] {
        self.entries.authorizedEntries(for: self.roots(of: agentID))
    }

    /// The entry, if the agent is authorised for it.
    func authorizedEntry(id: String, roots: Set<SPIFFEID>) -> RegistrationEntry? {
        guard let entry = self.entries[id], self.entries.isAuthorized(roots, entryID: id) else { return nil }
        return entry
    }

    /// The SPIFFE IDs above an entry: its parent, the parents of entries that have that ID, and so on.
    private func lineage(of entry: RegistrationEntry?) -> Set<SPIFFEID> {
        guard let entry else { return [] }
        var seen: Set<SPIFFEID> = [entry.parentID]
        var open = [entry.parentID]
        while let id = open.popLast() {
            for above in self.entries.entries(spiffeID: id) {
                if seen.insert(above.parentID).inserted { open.append(above.parentID) }
            }
        }
        return seen
    }

    /// When the next entry expires.
    var nextExpiry: Date? {
        self.expiries.values.min()
    }

    /// The IDs of the entries that have expired.
    func expiredEntryIDs(now: Date) -> [String] {
        self.expiries.compactMap { $0.value <= now ? $0.key : nil }
    }

    // MARK: Entries

    mutating func apply(_ changes: [EntryTransition], position: ChangePosition) -> [WakeUp] {
        guard !changes.isEmpty else { return [] }
        let above = changes.map { self.lineage(of: $0.before) }
        let movedParents = changes.contains { self.movesOthers($0) }
        self.entries.apply(
            upserts: changes.compactMap(\.after),
            removals: changes.compactMap { $0.after == nil ? $0.before?.id : nil })
        self.followExpiry(changes)
        let touches = zip(changes, above).compactMap { change, above in
            change.id.map {
                ChangeHistory.Touch(entryID: $0, lineage: above.union(self.lineage(of: change.after)))
            }
        }
        let movedAliases = changes.contains { change in
            change.before?.parentID == self.serverID || change.after?.parentID == self.serverID
        }
        let movesOthers = movedParents || movedAliases || changes.contains { self.movesOthers($0) }
        self.history.append(
            ChangeHistory.Record(number: position.number, touches: touches, movesOthers: movesOthers))
        let woken = self.markPending(below: touches.reduce(into: []) { $0.formUnion($1.lineage) })
        self.advance(to: position)
        return movedAliases ? woken + self.followAliases(of: self.watches.keys) : woken
    }

    /// The change creates, deletes or moves an entry that others are below of.
    private func movesOthers(_ change: EntryTransition) -> Bool {
        if let before = change.before, let after = change.after,
            before.spiffeID == after.spiffeID, before.parentID == after.parentID
        {
            return false
        }
        return [change.before, change.after].contains { entry in
            entry.map { !self.entries.entries(parentID: $0.spiffeID).isEmpty } ?? false
        }
    }

    private mutating func followExpiry(_ changes: [EntryTransition]) {
        for change in changes {
            guard let id = change.id else { continue }
            self.expiries[id] = change.after?.expiresAt
        }
    }

    /// Notes that the change about to get a number concerns the streams below `lineage`.
    private mutating func markPending(below lineage: Set<SPIFFEID>) -> [WakeUp] {
        let concerned = lineage.reduce(into: Set<UInt64>()) { $0.formUnion(self.watchesByRoot[$1] ?? []) }
        return concerned.compactMap { id in
            if self.watches[id]?.pending == .nothing {
                self.watches[id]?.pending = .changes(after: self.position.number)
            }
            return self.watches[id]?.wakeUp
        }
    }

    /// Finds the aliases of agents with open streams anew; a stream that gained or lost one gets everything anew.
    private mutating func followAliases(of watchIDs: some Collection<UInt64>) -> [WakeUp] {
        var woken: [WakeUp] = []
        for id in Array(watchIDs) {
            guard let watch = self.watches[id] else { continue }
            let roots = self.roots(of: watch.agentID)
            guard roots != watch.roots else { continue }
            self.unlink(watch)
            self.watches[id]?.roots = roots
            self.watches[id]?.pending = .everything
            for root in roots { self.watchesByRoot[root, default: []].insert(id) }
            woken.append(watch.wakeUp)
        }
        return woken
    }

    private mutating func advance(to position: ChangePosition) {
        if position.number > self.position.number { self.position = position }
    }

    // MARK: Agents

    mutating func put(_ agent: AttestedAgent, position: ChangePosition) -> [WakeUp] {
        let before = self.agents.updateValue(agent, forKey: agent.id)
        self.advance(to: position)
        let movesEntries = before.map { $0.selectors != agent.selectors } ?? false
        if movesEntries {
            self.history.append(ChangeHistory.Record(number: position.number, touches: [], movesOthers: true))
        }
        let denial: Authorization.Denial = agent.banned ? .agentBanned : .agentNotActive
        let ended = self.endWatches(of: agent.id, because: denial) { watch in
            agent.banned || (watch.serialNumber != agent.serialNumber && watch.serialNumber != agent.newSerialNumber)
        }
        return movesEntries ? ended + self.followAliases(of: self.watchesByRoot[agent.id] ?? []) : ended
    }

    mutating func removeAgent(_ id: SPIFFEID, position: ChangePosition) -> [WakeUp] {
        self.agents[id] = nil
        self.advance(to: position)
        return self.endWatches(of: id, because: .agentNotAttested) { _ in true }
    }

    private mutating func endWatches(
        of agentID: SPIFFEID, because denial: Authorization.Denial, where mustEnd: (AgentWatch) -> Bool
    ) -> [WakeUp] {
        var ended: [WakeUp] = []
        for id in self.watchesByRoot[agentID] ?? [] {
            guard let watch = self.watches[id], watch.agentID == agentID, mustEnd(watch) else { continue }
            self.watches[id]?.ending = .denied(denial)
            ended.append(watch.wakeUp)
        }
        return ended
    }

    // MARK: Streams

    mutating func openWatch(
        agentID: SPIFFEID, serialNumber: String, seen: ChangePosition?
    ) -> Result<AgentWatch, AgentWatchRefusal> {
        if self.isEnding { return .failure(AgentWatchRefusal(ending: .shuttingDown)) }
        guard let agent = self.agents[agentID] else {
            return .failure(AgentWatchRefusal(ending: .denied(.agentNotAttested)))
        }
        guard !agent.banned else { return .failure(AgentWatchRefusal(ending: .denied(.agentBanned))) }
        guard agent.serialNumber == serialNumber else {
            return .failure(AgentWatchRefusal(ending: .denied(.agentNotActive)))
        }
        self.nextWatchID += 1
        let watch = AgentWatch(
            id: self.nextWatchID, agentID: agentID, serialNumber: serialNumber, wakeUp: WakeUp(),
            roots: self.roots(of: agentID), pending: self.pending(since: seen))
        self.watches[watch.id] = watch
        for root in watch.roots { self.watchesByRoot[root, default: []].insert(watch.id) }
        return .success(watch)
    }

    /// What an agent that has seen `position` is told first: a position of another history says nothing.
    private func pending(since seen: ChangePosition?) -> AgentWatch.Pending {
        guard let seen, self.isPast(seen) else { return .everything }
        return .changes(after: seen.number)
    }

    private func isPast(_ seen: ChangePosition) -> Bool {
        let last = seen.epoch == self.position.epoch ? self.position.number : self.earlierEpochs[seen.epoch]
        return last.map { seen.number <= $0 } ?? false
    }

    mutating func nextStep(of watchID: UInt64) -> AgentWatch.Step {
        guard let watch = self.watches[watchID] else { return .end(.shuttingDown) }
        if let ending = watch.ending { return .end(ending) }
        defer { self.watches[watchID]?.pending = .nothing }
        switch watch.pending {
        case .nothing:
            return .wait(at: self.position)
        case .everything:
            return .send(self.everything(for: watch))
        case .changes(let number):
            guard case .touched(let ids) = self.history.extract(after: number, below: watch.roots) else {
                return .send(self.everything(for: watch))
            }
            return .send(self.changes(of: ids, for: watch))
        }
    }

    private func everything(for watch: AgentWatch) -> AgentWatch.Update {
        AgentWatch.Update(
            isFull: true, entries: self.entries.authorizedEntries(for: watch.roots), removedEntryIDs: [],
            position: self.position)
    }

    private func changes(of entryIDs: Set<String>, for watch: AgentWatch) -> AgentWatch.Update {
        var update = AgentWatch.Update(isFull: false, entries: [], removedEntryIDs: [], position: self.position)
        for id in entryIDs.sorted() {
            if let entry = self.authorizedEntry(id: id, roots: watch.roots) {
                update.entries.append(entry)
            } else {
                update.removedEntryIDs.append(id)
            }
        }
        return update
    }

    mutating func closeWatch(_ watchID: UInt64) {
        guard let watch = self.watches.removeValue(forKey: watchID) else { return }
        self.unlink(watch)
    }

    private mutating func unlink(_ watch: AgentWatch) {
        for root in watch.roots {
            self.watchesByRoot[root]?.remove(watch.id)
            if self.watchesByRoot[root]?.isEmpty == true { self.watchesByRoot[root] = nil }
        }
    }

    mutating func bundleChanged(at position: ChangePosition) -> [WakeUp] {
        self.advance(to: position)
        return self.watches.values.map(\.wakeUp)
    }

    mutating func endAllWatches() -> [WakeUp] {
        self.isEnding = true
        for id in self.watches.keys { self.watches[id]?.ending = .shuttingDown }
        return self.watches.values.map(\.wakeUp)
    }
}
