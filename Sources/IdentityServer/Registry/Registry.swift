import AccessGrants
import AccessTokens
import Authority
import FoundationEssentials
import NodeAttestation
import Registration
import Rotation
import SPIFFE
import Synchronization

/// What the control plane knows, in memory: registration entries, attested agents, and who follows them.
///
/// Every call of an agent is answered from here. Writes go to the store first, then here, in the order of the store
/// (``WriteOrder``), and wake the streams they concern.
final class Registry: Sendable {
    private let state: Mutex<RegistryState>

    /// Creates the registry from what the stores hold.
    init(
        entries: EntrySnapshot, agents: [AttestedAgent], access: AccessPolicy, serverID: SPIFFEID,
        earlierEpochs: [String: UInt64], history: ChangeHistory, now: Date
    ) {
        self.state = Mutex(
            RegistryState(
                entries: EntryIndex(entries.entries), position: entries.position, agents: agents, access: access,
                serverID: serverID, earlierEpochs: earlierEpochs, history: history, now: now))
    }

    /// Runs `body` on the state under its lock: short, and without handing the index out.
    func read<Result>(_ body: (borrowing RegistryState) throws -> Result) rethrows -> Result {
        try self.state.withLock { try body($0) }
    }

    // MARK: Entries

    /// The entries as they are now; holding on to them costs writers little.
    var entries: EntryIndex {
        self.state.withLock { $0.entries }
    }

    /// Makes a commit of the entry store visible and wakes the streams it concerns.
    func apply(_ changes: [EntryTransition], position: ChangePosition, now: Date) {
        let woken = self.state.withLock { $0.apply(changes, position: position, now: now) }
        for wakeUp in woken { wakeUp.signal() }
    }

    /// Wakes the streams that entries concern which have expired, or have not after all since the clock was set back.
    ///
    /// - Returns: How many have expired since the last time, and when the next one does.
    func followClock(now: Date) -> (expired: Int, next: Date?) {
        let (followed, next) = self.state.withLock { ($0.followClock(now: now), $0.nextExpiry()) }
        for wakeUp in followed.woken { wakeUp.signal() }
        return (followed.expired, next)
    }

    /// Looks at the expired entries, as ``EntryExpiries`` has it, and returns the IDs of those to delete.
    func lookAtExpired() -> [String] {
        self.state.withLock { $0.lookAtExpired() }
    }

    /// The position in the change log up to which the registry is complete.
    var position: ChangePosition {
        self.state.withLock { $0.position }
    }

    // MARK: Services and grants

    /// Who may have which access tokens, as it is now.
    var access: AccessPolicy {
        self.state.withLock { $0.access }
    }

    func setAccess(_ access: AccessPolicy, position: ChangePosition) {
        self.state.withLock { $0.setAccess(access, position: position) }
    }

    // MARK: Agents

    func agent(_ id: SPIFFEID) -> AttestedAgent? {
        self.state.withLock { $0.agents[id] }
    }

    /// Makes an agent's new state visible.
    ///
    /// A stream that another certificate opened, or any when it is banned, ends.
    func put(_ agent: AttestedAgent, position: ChangePosition, now: Date) {
        let woken = self.state.withLock { $0.put(agent, position: position, now: now) }
        for wakeUp in woken { wakeUp.signal() }
    }

    /// Forgets an agent, and the entries that went with it; its streams end.
    func removeAgent(_ id: SPIFFEID, aliases: [EntryTransition], position: ChangePosition, now: Date) {
        let woken = self.state.withLock { state in
            // The entries first: what is pending for a stream is counted from the position before.
            state.apply(aliases, position: position, now: now) + state.removeAgent(id, position: position)
        }
        for wakeUp in woken { wakeUp.signal() }
    }

    /// What authorisation needs to know about a caller.
    func facts(about id: SPIFFEID, now: Date) -> Authorization.Facts {
        let (entries, agent) = self.state.withLock { ($0.entries, $0.agents[id]) }
        let isAdmin = entries.entries(spiffeID: id).contains { $0.admin && !$0.hasExpired(by: now) }
        return Authorization.Facts(isAdmin: isAdmin, agent: agent)
    }

    /// The entries an agent is authorised for, by entry ID.
    func authorizedEntries(for agentID: SPIFFEID, now: Date) -> [RegistrationEntry] {
        let (entries, roots) = self.state.withLock { ($0.entries, $0.roots(of: agentID, now: now)) }
        return entries.authorizedEntries(for: roots, now: now)
    }

    /// Those of the entries that an agent is authorised for.
    func authorizedEntries(
        _ ids: Set<String>, for agentID: SPIFFEID, now: Date
    ) -> [String: RegistrationEntry] {
        let (entries, roots) = self.state.withLock { ($0.entries, $0.roots(of: agentID, now: now)) }
        return ids.reduce(into: [:]) { $0[$1] = entries.authorizedEntry(id: $1, roots: roots, now: now) }
    }

    // MARK: Streams

    /// Begins a stream for an agent.
    ///
    /// - Parameter seen: The position of the last change the agent has applied.
    /// - Returns: A refusal when the agent was refused since its call was authorised, or has too many streams.
    func openWatch(
        agentID: SPIFFEID, serialNumber: String, seen: ChangePosition?, now: Date
    ) -> Result<AgentWatch, AgentWatchRefusal> {
        self.state.withLock { $0.openWatch(agentID: agentID, serialNumber: serialNumber, seen: seen, now: now) }
    }

    /// What the stream does next.
    func nextStep(of watchID: UInt64, now: Date) -> AgentWatch.Step {
        // Only what it is found out from is taken under the lock: finding it out takes longer the more entries an agent
        // has, or the longer it was away.
        switch self.state.withLock({ $0.nextTurn(of: watchID) }) {
        case .send(let outstanding): .send(outstanding.update(now: now))
        case .wait(let position): .wait(at: position)
        case .end(let ending): .end(ending)
        }
    }

    /// Why the stream must end; nil while it may go on.
    func ending(of watchID: UInt64) -> AgentWatch.Ending? {
        self.state.withLock { $0.ending(of: watchID) }
    }

    func closeWatch(_ watchID: UInt64) {
        self.state.withLock { $0.closeWatch(watchID) }
    }

    /// Wakes every stream: the trust bundle changed, at `position`.
    func bundleChanged(at position: ChangePosition) {
        let woken = self.state.withLock { $0.bundleChanged(at: position) }
        for wakeUp in woken { wakeUp.signal() }
    }

    /// Ends every stream, now and from now on.
    func endAllWatches() {
        let woken = self.state.withLock { $0.endAllWatches() }
        for wakeUp in woken { wakeUp.signal() }
    }
}

/// One entry before and after a commit.
struct EntryTransition: Sendable {
    let before: RegistrationEntry?
    let after: RegistrationEntry?

    var id: String? { self.after?.id ?? self.before?.id }
}

/// Why a stream of changes was not opened.
struct AgentWatchRefusal: Error, Hashable {
    let ending: AgentWatch.Ending
}
