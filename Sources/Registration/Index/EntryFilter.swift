package import SPIFFE

/// Which entries a listing or count wants; what is `nil` does not restrict.
package struct EntryFilter: Hashable, Sendable {
    package var spiffeID: SPIFFEID?
    package var parentID: SPIFFEID?
    package var selectors: SetMatch<Selector>?
    package var federatesWith: SetMatch<TrustDomain>?
    package var hint: String?
    package var downstream: Bool?

    package init(
        spiffeID: SPIFFEID? = nil, parentID: SPIFFEID? = nil, selectors: SetMatch<Selector>? = nil,
        federatesWith: SetMatch<TrustDomain>? = nil, hint: String? = nil, downstream: Bool? = nil
    ) {
        self.spiffeID = spiffeID
        self.parentID = parentID
        self.selectors = selectors
        self.federatesWith = federatesWith
        self.hint = hint
        self.downstream = downstream
    }

    package func matches(_ entry: RegistrationEntry) -> Bool {
        (self.spiffeID.map { $0 == entry.spiffeID } ?? true)
            && (self.parentID.map { $0 == entry.parentID } ?? true)
            && (self.selectors?.matches(entry.selectors) ?? true)
            && (self.federatesWith?.matches(entry.federatesWith) ?? true)
            && (self.hint.map { $0 == entry.hint } ?? true)
            && (self.downstream.map { $0 == entry.downstream } ?? true)
    }
}
