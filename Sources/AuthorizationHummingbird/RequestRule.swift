public import AccessTokens
public import Hummingbird
public import ServiceAuthorization

/// What a route demands, where that depends on the request as well.
public struct RequestRule<Context: RequestContext>: Sendable {
    /// Whether the caller may do this although it lacks the scopes, for instance because it owns what it asks for.
    public typealias Owner = @Sendable (_ token: AccessToken, _ request: Request, _ context: Context) -> Bool

    /// The scopes that a call needs.
    public let scopes: ScopeRequirement
    /// What happens when the state of revocations is too old.
    public let whenStale: StalenessRule
    public let mode: RouteRule.Mode
    /// A rule of the service that is asked when the scopes are not enough.
    ///
    /// Everything else about the token was right: signature, audience, time, peer and revocations. It must not block.
    public let orAllows: Owner?

    /// - Parameters:
    ///   - scopes: What the token must have.
    ///   - whenStale: Default: the call is refused.
    ///   - mode: Default: the rule is enforced.
    ///   - orAllows: Default: only the scopes count.
    public init(
        _ scopes: ScopeRequirement, whenStale: StalenessRule = .refuse, mode: RouteRule.Mode = .enforce,
        or orAllows: Owner? = nil
    ) {
        self.scopes = scopes
        self.whenStale = whenStale
        self.mode = mode
        self.orAllows = orAllows
    }

    func rule(for request: Request, _ context: Context) -> RouteRule {
        guard let orAllows else { return RouteRule(self.scopes, whenStale: self.whenStale, mode: self.mode) }
        return RouteRule(self.scopes, whenStale: self.whenStale, mode: self.mode) { orAllows($0, request, context) }
    }
}
