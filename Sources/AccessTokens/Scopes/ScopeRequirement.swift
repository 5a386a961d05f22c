/// The scopes that a call needs.
public enum ScopeRequirement: Hashable, Sendable {
    /// Each of these; with none, any valid token will do.
    case all(ScopeSet)
    /// At least one of these; with none, no token will do.
    case any(ScopeSet)

    /// Whether a token with these scopes has what is needed.
    public func isSatisfied(by scopes: ScopeSet) -> Bool {
        switch self {
        case .all(let needed): scopes.isSuperset(of: needed)
        case .any(let needed): scopes.intersects(needed)
        }
    }

    /// The scopes that are named.
    public var scopes: ScopeSet {
        switch self {
        case .all(let scopes), .any(let scopes): scopes
        }
    }
}

extension ScopeRequirement: CustomStringConvertible {
    public var description: String {
        switch self {
        case .all(let scopes): "all of [\(scopes)]"
        case .any(let scopes): "any of [\(scopes)]"
        }
    }
}
