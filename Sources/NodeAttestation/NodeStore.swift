package import FoundationEssentials
package import Registration
package import SPIFFE

/// Where attested agents are kept for good.
///
/// Each change takes one number of the change log and returns the position after it; a change that is already in place
/// takes none and returns the position as it is.
package protocol NodeStore: Sendable {
    /// All agents, sorted by id.
    func agents() async throws(StoreFailure) -> [AttestedAgent]

    func agent(_ id: SPIFFEID) async throws(StoreFailure) -> AttestedAgent?

    /// Adds an agent, or replaces the one of its id.
    ///
    /// - Throws: ``NodeStoreError/banned(_:)`` when the one of its id is banned: only ``delete(_:entryIDs:actor:now:)`` lifts a ban.
    func put(_ agent: AttestedAgent, actor: Actor, now: Date) async throws(NodeStoreError) -> ChangePosition

    /// Changes an agent, judged against what the store holds at that moment.
    func update(
        _ id: SPIFFEID, _ change: AgentChange, actor: Actor, now: Date
    ) async throws(NodeStoreError) -> ChangePosition

    /// Evicts an agent, and with it the entries of these ids, in one transaction: it may come back by attesting again.
    ///
    /// Each entry takes a number after the agent's; one that does not exist takes none.
    func delete(
        _ id: SPIFFEID, entryIDs: [String], actor: Actor, now: Date
    ) async throws(NodeStoreError) -> ChangePosition
}

/// One change of an attested agent.
package enum AgentChange: Hashable, Sendable {
    /// An SVID was renewed; it waits for its first use. Replaces one that still waits.
    case pending(serialNumber: String, expiresAt: Date)
    /// The agent used the renewed SVID: the one before is superseded.
    case activate(serialNumber: String)
    /// The agent reported its version.
    case version(String)
    /// The agent is never to come back: no SVID of it is accepted and it cannot attest again.
    case ban
}

/// Why a change of an attested agent was not made.
package enum NodeStoreError: Error, Hashable, Sendable {
    case notFound(SPIFFEID)
    case banned(SPIFFEID)
    /// The serial number is neither the current nor the waiting one.
    case serialNumberUnknown(SPIFFEID, serialNumber: String)
    case store(StoreFailure)
}
