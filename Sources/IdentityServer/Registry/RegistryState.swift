import AccessGrants
import AccessTokens
import FoundationEssentials
import NodeAttestation
import Registration
import Rotation
import SPIFFE

/// The state of a ``Registry`` and its transitions, which return the streams to wake.
struct RegistryState: Sendable {
    private(set) var entries: EntryIndex
    private(set) var agents: [SPIFFEID: AttestedAgent]
    private(set) var access: AccessPolicy
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
    private var expiries = EntryExpiries()
    private var isEnding = false

    init(
        entries: EntryIndex, position: ChangePosition, agents: [AttestedAgent], access: AccessPolicy,
        serverID: SPIFFEID, earlierEpochs: [String: UInt64], history: ChangeHistory, now: Date
    ) {
        self.entries = entries
        self.access = access
        self.position = position
        self.agents = Dictionary(agents.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
        self.serverID = serverID
        self.earlierEpochs = earlierEpochs
        self.history = history
        for entry in entries.entries() { self.expiries.set(entry.expiresAt, for: entry.id) }
        _ = self.expiries.follow(now: now)
    }

    // MARK: Questions

    /// The SPIFFE IDs whose descendants an agent may ask for: its own and its aliases.
    func roots(of agentID: SPIFFEID, now: Date) -> Set<SPIFFEID> {
        self.entries.aliases(agentSelectors: self.selectors(of: agentID), now: now).union([agentID])
    }

    /// The selectors of an agent's node.
    func selectors(of agentID: SPIFFEID) -> Set<Selector> {
        Set(self.agents[agentID]?.selectors ?? [])
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

    /// Expired entries that stand in the way of a new one: they have its ID, or are similar to it.
    func expiredEntries(inTheWayOf entry: RegistrationEntry) -> [RegistrationEntry] {
        guard self.hasExpiredEntries else { return [] }
        let similar = self.entries.entries(spiffeID: entry.spiffeID).filter {
            $0.id != entry.id && $0.content.isSimilar(to: entry.content)
        }
        return ([self.entries[entry.id]].compactMap(\.self) + similar).filter { self.expiries.hasExpired($0.id) }
    }

    // MARK: Time

    /// When the next entry expires.
    mutating func nextExpiry() -> Date? {
        self.expiries.next()
    }

    /// Whether there are expired entries that were not deleted.
    var hasExpiredEntries: Bool { !self.expiries.expiredIDs.isEmpty }

    mutating func lookAtExpired() -> [String] {
        self.expiries.look()
    }

    /// Notes which entries have expired, and which have not after all.
    ///
    /// No number of the change log says so: streams are told the entries themselves.
    mutating func followClock(now: Date) -> (woken: [WakeUp], expired: Int) {
        let (expired, revived) = self.expiries.follow(now: now)
        var touched: [UInt64: Set<String>] = [:]
        var overturned: Set<UInt64> = []
        var movesAliases = false
        for entry in (expired + revived).compactMap({ self.entries[$0] }) {
            let concerned = self.watchIDs(below: self.lineage(of: entry))
            if self.entries.hasEntries(parentID: entry.spiffeID) {
                overturned.formUnion(concerned)
            } else {
                for id in concerned { touched[id, default: []].insert(entry.id) }
            }
            movesAliases = movesAliases || entry.parentID == self.serverID
        }
        for (id, entryIDs) in touched { self.watches[id]?.pending.touch(entryIDs, at: self.position.number) }
        for id in overturned { self.watches[id]?.pending = .everything }
        var woken = overturned.union(touched.keys).compactMap { self.watches[$0]?.wakeUp }
        if movesAliases { woken += self.followAliases(of: self.watches.keys, now: now) }
        return (woken, expired.count)
    }

    // MARK: Entries

    mutating func apply(_ changes: [EntryTransition], position: ChangePosition, now: Date) -> [WakeUp] {
        guard !changes.isEmpty else { return [] }
        let above = changes.map { self.lineage(of: $0.before) }
        // What had expired was nobody's parent, and what has is nobody's.
        let inForce = changes.map { change in
            EntryTransition(
                before: change.before.flatMap { self.expiries.hasExpired($0.id) ? nil : $0 },
                after: change.after.flatMap { $0.hasExpired(by: now) ? nil : $0 })
        }
        let movedParents = inForce.contains { self.movesOthers($0) }
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
        let movesOthers = movedParents || movedAliases || inForce.contains { self.movesOthers($0) }
        self.history.append(
            ChangeHistory.Record(number: position.number, touches: touches, movesOthers: movesOthers))
        let woken = self.markPending(below: touches.reduce(into: []) { $0.formUnion($1.lineage) })
        self.advance(to: position)
        return movedAliases ? woken + self.followAliases(of: self.watches.keys, now: now) : woken
    }

    /// The change creates, deletes or moves an entry that others are below of.
    private func movesOthers(_ change: EntryTransition) -> Bool {
        if let before = change.before, let after = change.after,
            before.spiffeID == after.spiffeID, before.parentID == after.parentID
        {
            return false
        }
        return [change.before, change.after].contains { entry in
            entry.map { self.entries.hasEntries(parentID: $0.spiffeID) } ?? false
        }
    }

    private mutating func followExpiry(_ changes: [EntryTransition]) {
        for change in changes {
            guard let id = change.id else { continue }
            self.expiries.set(change.after?.expiresAt, for: id)
        }
    }

    /// Notes that the change about to get a number concerns the streams below `lineage`.
    private mutating func markPending(below lineage: Set<SPIFFEID>) -> [WakeUp] {
        self.watchIDs(below: lineage).compactMap { id in
            if self.watches[id]?.pending == .nothing {
                self.watches[id]?.pending = .changes(after: self.position.number, touched: [])
            }
            return self.watches[id]?.wakeUp
        }
    }

    private func watchIDs(below lineage: Set<SPIFFEID>) -> Set<UInt64> {
        lineage.reduce(into: []) { $0.formUnion(self.watchesByRoot[$1] ?? []) }
    }

    /// Finds the aliases of agents with open streams anew; a stream that gained or lost one gets everything anew.
    private mutating func followAliases(of watchIDs: some Collection<UInt64>, now: Date) -> [WakeUp] {
        var woken: [WakeUp] = []
        for id in Array(watchIDs) {
            guard let watch = self.watches[id] else { continue }
            let roots = self.roots(of: watch.agentID, now: now)
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

    // MARK: Services and grants

    mutating func setAccess(_ access: AccessPolicy, position: ChangePosition) {
        self.access = access
        self.advance(to: position)
    }

    // MARK: Agents

    mutating func put(_ agent: AttestedAgent, position: ChangePosition, now: Date) -> [WakeUp] {
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
        return movesEntries ? ended + self.followAliases(of: self.watchesByRoot[agent.id] ?? [], now: now) : ended
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
        agentID: SPIFFEID, serialNumber: String, seen: ChangePosition?, now: Date
    ) -> Result<AgentWatch, AgentWatchRefusal> {
        if self.isEnding { return .failure(AgentWatchRefusal(ending: .shuttingDown)) }
        guard let agent = self.agents[agentID] else {
            return .failure(AgentWatchRefusal(ending: .denied(.agentNotAttested)))
        }
        guard !agent.banned else { return .failure(AgentWatchRefusal(ending: .denied(.agentBanned))) }
        guard agent.serialNumber == serialNumber else {
            return .failure(AgentWatchRefusal(ending: .denied(.agentNotActive)))
        }
        let open = self.watchesByRoot[agentID, default: []].count { id in
            self.watches[id].map { $0.agentID == agentID && $0.ending == nil } ?? false
        }
        guard open < ControlPlaneLimits.maxWatchesPerAgent else {
            return .failure(AgentWatchRefusal(ending: .tooMany))
        }
        self.nextWatchID += 1
        let watch = AgentWatch(
            id: self.nextWatchID, agentID: agentID, serialNumber: serialNumber, wakeUp: WakeUp(),
            roots: self.roots(of: agentID, now: now), pending: self.pending(since: seen))
        self.watches[watch.id] = watch
        for root in watch.roots { self.watchesByRoot[root, default: []].insert(watch.id) }
        return .success(watch)
    }

    /// What an agent that has seen `position` is told first: a position of another history says nothing.
    private func pending(since seen: ChangePosition?) -> AgentWatch.Pending {
        guard let seen, self.isPast(seen) else { return .everything }
        return .resumption(after: seen.number)
    }

    private func isPast(_ seen: ChangePosition) -> Bool {
        let last = seen.epoch == self.position.epoch ? self.position.number : self.earlierEpochs[seen.epoch]
        return last.map { seen.number <= $0 } ?? false
    }

    mutating func nextTurn(of watchID: UInt64) -> AgentWatch.Turn {
        guard let watch = self.watches[watchID] else { return .end(.shuttingDown) }
        if let ending = watch.ending { return .end(ending) }
        if watch.pending == .nothing { return .wait(at: self.position) }
        self.watches[watchID]?.pending = .nothing
        return .send(
            OutstandingUpdate(
                pending: watch.pending, roots: watch.roots, agentSelectors: self.selectors(of: watch.agentID),
                entries: self.entries, history: self.history, hasExpiries: !self.expiries.isEmpty,
                position: self.position))
    }

    func ending(of watchID: UInt64) -> AgentWatch.Ending? {
        guard let watch = self.watches[watchID] else { return .shuttingDown }
        return watch.ending
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
