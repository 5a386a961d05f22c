package import AccessTokens
package import SPIFFE

/// What a caller gets.
package struct GrantDecision: Hashable, Sendable {
    package let service: RegisteredService
    package let scopes: ScopeSet
    /// Whole seconds, 1 or more.
    package let lifetime: Duration
    /// The grants that gave the scopes.
    package let grantIDs: [String]
}

/// Why a caller gets no token.
package enum GrantRefusal: Error, Hashable, Sendable {
    /// No service and no grant names the caller.
    case unknownCaller(SPIFFEID)
    /// No service has the audience URI or name.
    case unknownAudience
    /// No grant to the service names the caller.
    case notGranted(ServiceName)
    /// The caller's grants to the service have ended.
    case expired(ServiceName)
    /// The request names scopes, and none of them.
    case noScope
    /// More is asked for than is granted; never silently less.
    case scopesNotGranted([Scope])
    /// Several grants together have more scopes than a token holds: the request must name those it needs.
    case tooManyScopes(Int)
}

extension GrantRefusal {
    /// A stable word for audit records and metrics.
    package var label: String {
        switch self {
        case .unknownCaller: "unknown_caller"
        case .unknownAudience: "unknown_audience"
        case .notGranted: "not_granted"
        case .expired: "grant_expired"
        case .noScope: "no_scope"
        case .scopesNotGranted: "scopes_not_granted"
        case .tooManyScopes: "too_many_scopes"
        }
    }
}

extension GrantRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownCaller(let id): "no service and no grant names \(id)"
        case .unknownAudience: "no service has this audience or name"
        case .notGranted(let service): "nothing is granted to the caller for \(service)"
        case .expired(let service): "what was granted to the caller for \(service) has ended"
        case .noScope: "no scope is asked for"
        case .scopesNotGranted(let scopes): "not granted: \(scopes.map(\.name).joined(separator: " "))"
        case .tooManyScopes(let count):
            "\(count) scopes are granted, a token holds at most \(ScopeSet.maxScopes): ask for those that are needed"
        }
    }
}
