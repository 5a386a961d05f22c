package import FoundationEssentials
package import SPIFFE

/// A registration entry as a store holds it: a content with its id, revision and time of creation.
package struct RegistrationEntry: Hashable, Sendable, Identifiable {
    /// At most ``EntryDraft/maxIDBytes`` bytes of `A-Z a-z 0-9 . _ -`.
    package let id: String
    package let content: EntryContent
    /// 0 when created, one more with each update.
    package let revision: Int64
    /// Whole seconds.
    package let createdAt: Date

    package init(id: String, content: EntryContent, revision: Int64 = 0, createdAt: Date) {
        self.id = id
        self.content = content
        self.revision = revision
        self.createdAt = createdAt.wholeSeconds
    }

    package var spiffeID: SPIFFEID { self.content.spiffeID }
    package var parentID: SPIFFEID { self.content.parentID }
    package var selectors: [Selector] { self.content.selectors }
    package var x509SVIDTTL: Duration? { self.content.x509SVIDTTL }
    package var jwtSVIDTTL: Duration? { self.content.jwtSVIDTTL }
    package var federatesWith: [TrustDomain] { self.content.federatesWith }
    package var admin: Bool { self.content.admin }
    package var downstream: Bool { self.content.downstream }
    package var expiresAt: Date? { self.content.expiresAt }
    package var dnsNames: [String] { self.content.dnsNames }
    package var storeSVID: Bool { self.content.storeSVID }
    package var hint: String { self.content.hint }
    package var disableX509SVIDPrefetch: Bool { self.content.disableX509SVIDPrefetch }
    package var jwtSVIDIncludeJTI: Bool { self.content.jwtSVIDIncludeJTI }

    /// Whether the entry gives nobody anything any more.
    package func hasExpired(by now: Date) -> Bool {
        self.expiresAt.map { $0 <= now } ?? false
    }

    /// Whether a workload with these selectors gets the identity: it must have every selector of the entry.
    package func matches(workload selectors: Set<Selector>) -> Bool {
        self.content.matches(workload: selectors)
    }

    /// This entry after an update: the next revision, the fields of the update replaced.
    package func updated(by update: EntryUpdate) -> Self {
        Self(
            id: self.id, content: self.content.replacing(update.fields, from: update.content),
            revision: self.revision &+ 1, createdAt: self.createdAt)
    }
}
