package import FoundationEssentials
package import SPIFFE

/// What a registration entry says: which identity the workloads with these selectors get on the nodes under this parent.
///
/// Requests of administrators become contents only by ``EntryDraft/validated(trustDomain:bundles:)``.
package struct EntryContent: Hashable, Sendable {
    package let spiffeID: SPIFFEID
    /// The agent, node alias or workload under which the identity is served.
    package let parentID: SPIFFEID
    /// Sorted, without duplicates.
    package let selectors: [Selector]
    /// Whole seconds; `nil` is the server's default.
    ///
    /// Longer than the authority can guarantee is clamped when issued.
    package let x509SVIDTTL: Duration?
    /// Whole seconds; `nil` is the server's default.
    package let jwtSVIDTTL: Duration?
    /// Sorted, without duplicates.
    package let federatesWith: [TrustDomain]
    /// Whether the identity may administer the server.
    package let admin: Bool
    package let downstream: Bool
    /// Whole seconds; from then on the entry gives nobody anything, issued SVIDs are not limited by it.
    package let expiresAt: Date?
    /// In the order given: the first is the common name of the certificate.
    package let dnsNames: [String]
    package let storeSVID: Bool
    package let hint: String
    package let disableX509SVIDPrefetch: Bool
    package let jwtSVIDIncludeJTI: Bool

    /// A content of parts that are already right in themselves; selectors and trust domains are sorted here,
    /// the expiry is cut to whole seconds.
    package init(
        spiffeID: SPIFFEID, parentID: SPIFFEID, selectors: [Selector], x509SVIDTTL: Duration? = nil,
        jwtSVIDTTL: Duration? = nil, federatesWith: [TrustDomain] = [], admin: Bool = false, downstream: Bool = false,
        expiresAt: Date? = nil, dnsNames: [String] = [], storeSVID: Bool = false, hint: String = "",
        disableX509SVIDPrefetch: Bool = false, jwtSVIDIncludeJTI: Bool = false
    ) {
        self.spiffeID = spiffeID
        self.parentID = parentID
        self.selectors = selectors.sortedUnique()
        self.x509SVIDTTL = x509SVIDTTL
        self.jwtSVIDTTL = jwtSVIDTTL
        self.federatesWith = federatesWith.sortedUnique()
        self.admin = admin
        self.downstream = downstream
        self.expiresAt = expiresAt?.wholeSeconds
        self.dnsNames = dnsNames
        self.storeSVID = storeSVID
        self.hint = hint
        self.disableX509SVIDPrefetch = disableX509SVIDPrefetch
        self.jwtSVIDIncludeJTI = jwtSVIDIncludeJTI
    }

    /// Whether both give the same identity to the same workloads; a store holds only one of such entries.
    package func isSimilar(to other: Self) -> Bool {
        self.spiffeID == other.spiffeID && self.parentID == other.parentID && self.selectors == other.selectors
    }

    /// Whether a workload with these selectors gets the identity: it must have every selector of the entry.
    package func matches(workload selectors: Set<Selector>) -> Bool {
        !self.selectors.isEmpty && self.selectors.allSatisfy { selectors.contains($0) }
    }

    /// This content with the given fields taken from another one.
    package func replacing(_ fields: Set<EntryField>, from other: Self) -> Self {
        func pick<Value>(_ field: EntryField, _ path: KeyPath<Self, Value>) -> Value {
            fields.contains(field) ? other[keyPath: path] : self[keyPath: path]
        }
        return Self(
            spiffeID: pick(.spiffeID, \.spiffeID), parentID: pick(.parentID, \.parentID),
            selectors: pick(.selectors, \.selectors), x509SVIDTTL: pick(.x509SVIDTTL, \.x509SVIDTTL),
            jwtSVIDTTL: pick(.jwtSVIDTTL, \.jwtSVIDTTL), federatesWith: pick(.federatesWith, \.federatesWith),
            admin: pick(.admin, \.admin), downstream: pick(.downstream, \.downstream),
            expiresAt: pick(.expiresAt, \.expiresAt), dnsNames: pick(.dnsNames, \.dnsNames),
            storeSVID: pick(.storeSVID, \.storeSVID), hint: pick(.hint, \.hint),
            disableX509SVIDPrefetch: pick(.additionalAttributes, \.disableX509SVIDPrefetch),
            jwtSVIDIncludeJTI: pick(.additionalAttributes, \.jwtSVIDIncludeJTI))
    }
}

extension Array where Element: Comparable & Hashable {
    func sortedUnique() -> [Element] {
        if zip(self, self.dropFirst()).allSatisfy(<) { return self }
        return Set(self).sorted()
    }
}
