import AccessTokens
import FoundationEssentials
import Registration
import SPIFFE

/// What an access token of a workload was asked for.
///
/// Another revision of the entry is another token.
struct AccessTokenKey: Hashable, Sendable {
    let entryID: String
    let revision: Int64
    let createdAt: Date
    let spiffeID: SPIFFEID
    let audience: String
    let scopes: ScopeSet
    /// The library that asks; the server has a say in which may.
    let library: ReportedLibrary

    init(entry: RegistrationEntry, audience: String, scopes: ScopeSet, library: ReportedLibrary) {
        self.entryID = entry.id
        self.revision = entry.revision
        self.createdAt = entry.createdAt
        self.spiffeID = entry.spiffeID
        self.audience = audience
        self.scopes = scopes
        self.library = library
    }
}

/// What the server is asked for.
struct AccessTokenOrder: Hashable, Sendable {
    let key: AccessTokenKey
    /// SHA-256 of the X.509-SVID that the workload is served; empty when it has none.
    let certificateSHA256: [UInt8]
}
