public import AccessTokens

/// What a route demands of the calls it gets.
public struct RouteRule: Sendable {
    /// What happens to a call that is to be refused.
    public enum Mode: Hashable, Sendable {
        /// It is refused.
        case enforce
        /// It passes, and is recorded with the reason: for the time of a migration.
        case observe
    }

    /// The scopes that a call needs.
    public let scopes: ScopeRequirement
    /// A rule of the service that is asked beside the scopes, such as that the caller owns what it asks for.
    ///
    /// A call that lacks the scopes passes when this says true; everything else about the token must be right.
    public let orAllows: (@Sendable (AccessToken) -> Bool)?
    /// What happens when the state of revocations is too old.
    public let whenStale: StalenessRule
    public let mode: Mode

    /// - Parameters:
    ///   - scopes: What the token must have.
    ///   - whenStale: Default: the call is refused.
    ///   - mode: Default: the rule is enforced.
    ///   - orAllows: Default: only the scopes count.
    public init(
        _ scopes: ScopeRequirement, whenStale: StalenessRule = .refuse, mode: Mode = .enforce,
        orAllows: (@Sendable (AccessToken) -> Bool)? = nil
    ) {
        self.scopes = scopes
        self.whenStale = whenStale
        self.mode = mode
        self.orAllows = orAllows
    }

    func check(_ token: AccessToken) throws(AccessTokenError) {
        do {
            try token.require(self.scopes)
        } catch {
            guard let orAllows, orAllows(token) else { throw error }
        }
    }
}
