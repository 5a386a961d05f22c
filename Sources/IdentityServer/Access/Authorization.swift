package import FoundationEssentials
package import NodeAttestation
package import SPIFFE

/// May this caller call this method? A decision over values, with the time passed in.
package enum Authorization {
    /// Why an agent is refused, where there is a reason that tells it what to do next.
    package enum Denial: Hashable, Sendable {
        case agentExpired
        case agentNotAttested
        case agentNotActive
        case agentBanned
        case agentMustReattest
    }

    package enum Verdict: Hashable, Sendable {
        case allowed(Caller)
        /// Allowed once the agent's pending certificate, which it has just used for the first time, is its current one.
        case allowedAfterActivation(AttestedAgent)
        case denied(Denial?)
    }

    /// What is known about the SPIFFE ID of a caller.
    package struct Facts: Hashable, Sendable {
        /// An entry with `admin` has this SPIFFE ID.
        package var isAdmin: Bool
        /// The agent of this SPIFFE ID, banned or not.
        package var agent: AttestedAgent?

        package init(isAdmin: Bool, agent: AttestedAgent?) {
            self.isAdmin = isAdmin
            self.agent = agent
        }
    }

    /// Decides on a call.
    ///
    /// The order is SPIRE's: what asks for nothing, the local socket, administrators, agents. Only a method that
    /// agents may call tells the caller why it is not an agent.
    ///
    /// - Parameter facts: Asked at most once, and only for a caller with an X509-SVID.
    package static func verdict(
        access: Access, credentials: Credentials, now: Date, facts: (SPIFFEID) -> Facts
    ) -> Verdict {
        if access.contains(.anyone) { return .allowed(.anyone) }
        switch credentials {
        case .anonymous:
            return .denied(nil)
        case .local(let uid):
            return access.contains(.local) ? .allowed(.local(uid: uid)) : .denied(nil)
        case .svid(let id, let serialNumber, let expiresAt):
            let facts = facts(id)
            if access.contains(.admin), facts.isAdmin {
                return expiresAt > now ? .allowed(.admin(id)) : .denied(nil)
            }
            guard access.contains(.agent) else { return .denied(nil) }
            return self.agentVerdict(facts.agent, serialNumber: serialNumber, expiresAt: expiresAt, now: now)
        }
    }

    private static func agentVerdict(
        _ agent: AttestedAgent?, serialNumber: String, expiresAt: Date, now: Date
    ) -> Verdict {
        guard expiresAt > now else { return .denied(.agentExpired) }
        guard let agent else { return .denied(.agentNotAttested) }
        guard !agent.banned else { return .denied(.agentBanned) }
        if agent.serialNumber == serialNumber { return .allowed(.agent(agent)) }
        if agent.newSerialNumber == serialNumber { return .allowedAfterActivation(agent) }
        return .denied(.agentNotActive)
    }
}
