package import FoundationEssentials
package import Registration

/// Which agents a listing or count wants; what is `nil` does not restrict.
package struct AgentFilter: Hashable, Sendable {
    package var attestationType: String?
    package var selectors: SetMatch<Selector>?
    package var banned: Bool?
    package var canReattest: Bool?
    package var expiresBefore: Date?

    package init(
        attestationType: String? = nil, selectors: SetMatch<Selector>? = nil, banned: Bool? = nil,
        canReattest: Bool? = nil, expiresBefore: Date? = nil
    ) {
        self.attestationType = attestationType
        self.selectors = selectors
        self.banned = banned
        self.canReattest = canReattest
        self.expiresBefore = expiresBefore
    }

    package func matches(_ agent: AttestedAgent) -> Bool {
        (self.attestationType.map { $0 == agent.attestationType } ?? true)
            && (self.selectors?.matches(agent.selectors) ?? true)
            && (self.banned.map { $0 == agent.banned } ?? true)
            && (self.canReattest.map { $0 == agent.canReattest } ?? true)
            && (self.expiresBefore.map { agent.expiresAt < $0 } ?? true)
    }
}
