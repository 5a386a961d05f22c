import Audit
import Authority
import FoundationEssentials
import Logging
import NodeAttestation
import Registration
import Rotation
import SPIFFE

// Every change of an agent is written to the store, then to memory, in one turn of the writes. What ends an agent goes
// before what agents want to write.

extension ControlPlane {
    /// Makes an agent of whoever has the join token: the token is used up, the agent and its alias are there, or
    /// nothing is.
    ///
    /// - Parameter issue: Signs the agent's certificate. Only called for a token that can still be used.
    /// - Throws: `JoinTokenError`, and what `issue` throws.
    func join(
        _ id: SPIFFEID, token: String, _ issue: @escaping @Sendable (_ now: Date) throws -> IssuedX509SVID
    ) async throws -> (AttestedAgent, IssuedX509SVID) {
        // Before the turn, so that guesses do not hold up the writes of others; what counts is `consume`.
        let found = try await self.reading { try await self.joinTokenStore.find(JoinTokenHash(of: token)) }
        guard found != nil else { throw JoinTokenError.unknownOrUsed }
        return try await self.writes.run(.agent(id)) {
            let now = self.instants.now()
            if self.registry.agent(id)?.banned == true { throw JoinTokenError.agentBanned(id) }
            let svid = try issue(now)
            let agent = AttestedAgent(
                id: id, attestationType: JoinTokenAttestation.type, serialNumber: svid.serialNumber,
                expiresAt: svid.expiresAt)
            let use = try await self.writing {
                try await self.joinTokenStore.consume(
                    token: token, agent: agent, aliasEntryID: self.entryIDs.next(now: now), actor: .server, now: now)
            }
            if let alias = use.aliasEntry {
                self.registry.apply([EntryTransition(before: nil, after: alias)], position: use.position, now: now)
            }
            self.registry.put(agent, position: use.position, now: now)
            self.disconnect(id, keeping: [agent.serialNumber])
            return (agent, svid)
        }
    }

    /// Notes the certificate that an agent has got and not used yet.
    ///
    /// - Returns: false when the agent was evicted or banned meanwhile.
    func addPending(_ svid: IssuedX509SVID, to agentID: SPIFFEID) async throws -> Bool {
        try await self.change(
            agentID, .pending(serialNumber: svid.serialNumber, expiresAt: svid.expiresAt), by: .peer(agentID)) != nil
    }

    /// Notes the version that an agent reports.
    ///
    /// - Returns: false when the agent was evicted meanwhile.
    func setVersion(_ version: String, of agentID: SPIFFEID) async throws -> Bool {
        try await self.change(agentID, .version(version), by: .peer(agentID)) != nil
    }

    /// Makes the agent's pending certificate its current one; the one before is refused from then on, and its
    /// connections end.
    ///
    /// - Returns: The agent as it is then; nil when it was banned, evicted or renewed again meanwhile.
    func activate(_ agentID: SPIFFEID, serialNumber: String) async throws -> AttestedAgent? {
        let agent = try await self.change(agentID, .activate(serialNumber: serialNumber), by: .peer(agentID)) {
            self.logger.info(
                "agent certificate activated",
                metadata: [LogKey.agentID: "\(agentID)", LogKey.serialNumber: "\(serialNumber)"])
            self.disconnect(agentID, keeping: [serialNumber])
        }
        return agent?.serialNumber == serialNumber ? agent : nil
    }

    /// Bans an agent; its streams and connections end.
    ///
    /// - Returns: false when there is no such agent.
    func ban(_ agentID: SPIFFEID, by actor: Actor, route: String) async throws -> Bool {
        let agent = try await self.change(agentID, .ban, by: actor) {
            self.record(.revoked, .agent, route: route, by: actor) {
                $0.subject = agentID.uri
                $0.reason = "banned"
            }
            self.logger.info("agent banned", metadata: [LogKey.agentID: "\(agentID)", LogKey.caller: "\(actor)"])
            self.disconnect(agentID, keeping: [])
        }
        return agent != nil
    }

    /// Forgets an agent and the alias its join token gave it; its streams and connections end.
    ///
    /// - Returns: false when there is no such agent.
    func evict(_ agentID: SPIFFEID, by actor: Actor, route: String) async throws -> Bool {
        try await self.writes.run(.next) {
            guard self.registry.agent(agentID) != nil else { return false }
            let own = try JoinTokenAttestation.selector(agentID: agentID)
            let aliases = self.registry.entries.entries(parentID: agentID).filter { $0.selectors == [own] }
            let now = self.instants.now()
            let position = try await self.writing {
                try await self.nodeStore.delete(agentID, entryIDs: aliases.map(\.id), actor: actor, now: now)
            }
            self.registry.removeAgent(
                agentID, aliases: aliases.map { EntryTransition(before: $0, after: nil) }, position: position, now: now)
            self.disconnect(agentID, keeping: [])
            self.record(.revoked, .agent, route: route, by: actor) {
                $0.subject = agentID.uri
                $0.reason = "evicted"
            }
            self.logger.info("agent evicted", metadata: [LogKey.agentID: "\(agentID)", LogKey.caller: "\(actor)"])
            return true
        }
    }

    /// Carries out one change of an agent, as the store would judge it.
    ///
    /// - Parameter done: Called in the same turn when the change was not in place already.
    /// - Returns: The agent after the change; nil when there is no such agent, or its state does not allow the change.
    private func change(
        _ agentID: SPIFFEID, _ change: AgentChange, by actor: Actor,
        _ done: @escaping @Sendable () -> Void = {}
    ) async throws -> AttestedAgent? {
        try await self.writes.run(change == .ban ? .next : .agent(agentID)) {
            guard let agent = self.registry.agent(agentID) else { return nil }
            let changed: AttestedAgent?
            do throws(NodeStoreError) {
                changed = try agent.applying(change)
            } catch {
                return nil
            }
            guard let changed else { return agent }
            let now = self.instants.now()
            let position = try await self.writing {
                try await self.nodeStore.update(agentID, change, actor: actor, now: now)
            }
            self.registry.put(changed, position: position, now: now)
            done()
            return changed
        }
    }

    /// Ends the connections of an agent but for those made with certificates of the given serial numbers.
    private func disconnect(_ agentID: SPIFFEID, keeping serialNumbers: Set<String>) {
        self.disconnections.request(Disconnection(agentID: agentID, keptSerialNumbers: serialNumbers))
    }
}
