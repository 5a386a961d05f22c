public import SPIFFE

/// Which peers a service talks to, once their X509-SVID has been validated.
///
/// There is no default: whoever opens a connection or accepts one says whom it expects. A service that serves one
/// caller names it with ``exactly(_:)``; anything wider is a decision that should be visible in the code.
public enum PeerPolicy: Sendable {
    /// Only this SPIFFE ID.
    case exactly(SPIFFEID)
    /// Only these SPIFFE IDs. The empty set authorizes nobody.
    case oneOf(Set<SPIFFEID>)
    /// Every SPIFFE ID of a trust domain.
    case memberOf(TrustDomain)
    /// Every SPIFFE ID of one trust domain whose path fits, compared by whole segments.
    case path(matching: SPIFFEIDPattern)
    /// Every SPIFFE ID for which the closure returns true. It runs on the event loop of the connection and must not
    /// block.
    case predicate(@Sendable (SPIFFEID) -> Bool)

    /// Whether a peer that has proved this SPIFFE ID may be talked to.
    public func authorizes(_ id: SPIFFEID) -> Bool {
        switch self {
        case .exactly(let expected): id == expected
        case .oneOf(let ids): ids.contains(id)
        case .memberOf(let trustDomain): id.trustDomain == trustDomain
        case .path(let pattern): pattern.matches(id)
        case .predicate(let authorizes): authorizes(id)
        }
    }
}
