package import AccessTokens
import FoundationEssentials
package import Registration
import SPIFFE

/// What makes an access token of a workload another one.
///
/// Another revision of the entry is another token.
package struct AccessTokenKey: Hashable, Sendable {
    let entryID: String
    let revision: Int64
    let createdAt: Date
    let spiffeID: SPIFFEID
    let audience: String
    let scopes: ScopeSet
    /// The library that asks, where the server has a say in which may: of others it is all the same.
    let library: ReportedLibrary

    fileprivate init(entry: RegistrationEntry, audience: String, scopes: ScopeSet, library: ReportedLibrary) {
        self.entryID = entry.id
        self.revision = entry.revision
        self.createdAt = entry.createdAt
        self.spiffeID = entry.spiffeID
        self.audience = audience
        self.scopes = scopes
        self.library = if case .signet = library { library } else { .unknown }
    }
}

/// What the server is asked for.
package struct AccessTokenOrder: Hashable, Sendable {
    package let key: AccessTokenKey
    /// The library that asks, as the server records it.
    let library: ReportedLibrary
    /// SHA-256 of the X.509-SVID that the workload is served; empty when it has none.
    let certificateSHA256: [UInt8]

    package init(
        entry: RegistrationEntry, audience: String, scopes: ScopeSet, library: ReportedLibrary,
        certificateSHA256: [UInt8]
    ) {
        self.key = AccessTokenKey(entry: entry, audience: audience, scopes: scopes, library: library)
        self.library = library
        self.certificateSHA256 = certificateSHA256
    }
}
