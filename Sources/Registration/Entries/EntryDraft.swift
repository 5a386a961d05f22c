import FoundationEssentials
import SPIFFE

/// The unvalidated content of a request to create or update an entry.
///
/// Zero, empty and `nil` mean "not given", as on the wire.
package struct EntryDraft: Hashable, Sendable {
    /// A SPIFFE ID as the wire carries it: the bare name of the trust domain, and the path.
    package struct ID: Hashable, Sendable {
        package var trustDomain: String
        package var path: String

        package init(trustDomain: String, path: String) {
            self.trustDomain = trustDomain
            self.path = path
        }
    }

    /// A selector as the wire carries it.
    package struct Selector: Hashable, Sendable {
        package var type: String
        package var value: String

        package init(type: String, value: String) {
            self.type = type
            self.value = value
        }
    }

    package var id = ""
    package var spiffeID: ID?
    package var parentID: ID?
    package var selectors: [Selector] = []
    package var x509SVIDTTLSeconds: Int64 = 0
    package var jwtSVIDTTLSeconds: Int64 = 0
    /// Bare names or SPIFFE IDs of trust domains.
    package var federatesWith: [String] = []
    package var admin = false
    package var downstream = false
    package var expiresAtSeconds: Int64 = 0
    package var dnsNames: [String] = []
    package var storeSVID = false
    package var hint = ""
    package var disableX509SVIDPrefetch = false
    package var jwtSVIDIncludeJTI = false

    package init() {}

    /// What an administrator would send to get this entry again.
    package init(_ entry: RegistrationEntry) {
        self.id = entry.id
        self.spiffeID = ID(trustDomain: entry.spiffeID.trustDomain.name, path: entry.spiffeID.path)
        self.parentID = ID(trustDomain: entry.parentID.trustDomain.name, path: entry.parentID.path)
        self.selectors = entry.selectors.map { Selector(type: $0.type, value: $0.value) }
        self.x509SVIDTTLSeconds = entry.x509SVIDTTL?.components.seconds ?? 0
        self.jwtSVIDTTLSeconds = entry.jwtSVIDTTL?.components.seconds ?? 0
        self.federatesWith = entry.federatesWith.map(\.name)
        self.admin = entry.admin
        self.downstream = entry.downstream
        self.expiresAtSeconds = entry.expiresAt?.unixSeconds ?? 0
        self.dnsNames = entry.dnsNames
        self.storeSVID = entry.storeSVID
        self.hint = entry.hint
        self.disableX509SVIDPrefetch = entry.disableX509SVIDPrefetch
        self.jwtSVIDIncludeJTI = entry.jwtSVIDIncludeJTI
    }

    /// The draft of an update: the given fields of `request`, everything else as this draft has it.
    package func replacing(_ fields: Set<EntryField>, from request: Self) -> Self {
        var draft = self
        for field in fields {
            switch field {
            case .id: continue
            case .spiffeID: draft.spiffeID = request.spiffeID
            case .parentID: draft.parentID = request.parentID
            case .selectors: draft.selectors = request.selectors
            case .x509SVIDTTL: draft.x509SVIDTTLSeconds = request.x509SVIDTTLSeconds
            case .jwtSVIDTTL: draft.jwtSVIDTTLSeconds = request.jwtSVIDTTLSeconds
            case .federatesWith: draft.federatesWith = request.federatesWith
            case .admin: draft.admin = request.admin
            case .downstream: draft.downstream = request.downstream
            case .expiresAt: draft.expiresAtSeconds = request.expiresAtSeconds
            case .dnsNames: draft.dnsNames = request.dnsNames
            case .storeSVID: draft.storeSVID = request.storeSVID
            case .hint: draft.hint = request.hint
            case .additionalAttributes:
                draft.disableX509SVIDPrefetch = request.disableX509SVIDPrefetch
                draft.jwtSVIDIncludeJTI = request.jwtSVIDIncludeJTI
            }
        }
        return draft
    }
}
