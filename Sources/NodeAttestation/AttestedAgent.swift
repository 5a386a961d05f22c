package import FoundationEssentials
package import Registration
package import SPIFFE

/// An agent that proved its node and holds an SVID, as the server remembers it.
package struct AttestedAgent: Hashable, Sendable, Identifiable {
    package let id: SPIFFEID
    /// The name of the attestor, such as `join_token`.
    package let attestationType: String
    /// The serial number of its SVID in decimal digits; empty once banned.
    package let serialNumber: String
    /// When its SVID expires; whole seconds.
    package let expiresAt: Date
    /// A renewed SVID that the agent has not used yet; it becomes the current one at its first use.
    package let newSerialNumber: String?
    package let newExpiresAt: Date?
    /// What the attestor found; sorted, without duplicates.
    package let selectors: [Selector]
    package let banned: Bool
    /// Whether the agent may attest again by the same evidence.
    package let canReattest: Bool
    /// The version the agent reported last; empty before.
    package let agentVersion: String

    package init(
        id: SPIFFEID, attestationType: String, serialNumber: String, expiresAt: Date, newSerialNumber: String? = nil,
        newExpiresAt: Date? = nil, selectors: [Selector] = [], banned: Bool = false, canReattest: Bool = false,
        agentVersion: String = ""
    ) {
        self.id = id
        self.attestationType = attestationType
        self.serialNumber = serialNumber
        self.expiresAt = expiresAt.wholeSeconds
        self.newSerialNumber = newSerialNumber
        self.newExpiresAt = newExpiresAt?.wholeSeconds
        self.selectors = Set(selectors).sorted()
        self.banned = banned
        self.canReattest = canReattest
        self.agentVersion = agentVersion
    }
}

extension AttestedAgent {
    /// This agent after a change, or `nil` when the change is already in place.
    ///
    /// - Throws: ``NodeStoreError`` when the agent's state does not allow the change.
    package func applying(_ change: AgentChange) throws(NodeStoreError) -> Self? {
        let next: Self
        switch change {
        case .ban:
            next = self.with(serialNumber: "", pending: nil, banned: true)
        case .version(let version):
            next = self.with(version: version)
        case .pending(let serialNumber, let expiresAt):
            if self.banned { throw .banned(self.id) }
            next = self.with(pending: (serialNumber, expiresAt))
        case .activate(let serialNumber):
            if self.banned { throw .banned(self.id) }
            if serialNumber == self.serialNumber { return nil }
            guard let newExpiresAt = self.newExpiresAt, serialNumber == self.newSerialNumber else {
                throw .serialNumberUnknown(self.id, serialNumber: serialNumber)
            }
            next = self.with(serialNumber: serialNumber, expiresAt: newExpiresAt, pending: nil)
        }
        return next == self ? nil : next
    }

    private func with(version: String) -> Self {
        Self(
            id: self.id, attestationType: self.attestationType, serialNumber: self.serialNumber,
            expiresAt: self.expiresAt, newSerialNumber: self.newSerialNumber, newExpiresAt: self.newExpiresAt,
            selectors: self.selectors, banned: self.banned, canReattest: self.canReattest, agentVersion: version)
    }

    private func with(
        serialNumber: String? = nil, expiresAt: Date? = nil, pending: (serialNumber: String, expiresAt: Date)?,
        banned: Bool = false
    ) -> Self {
        Self(
            id: self.id, attestationType: self.attestationType, serialNumber: serialNumber ?? self.serialNumber,
            expiresAt: expiresAt ?? self.expiresAt, newSerialNumber: pending?.serialNumber,
            newExpiresAt: pending?.expiresAt, selectors: self.selectors, banned: banned,
            canReattest: self.canReattest, agentVersion: self.agentVersion)
    }
}
