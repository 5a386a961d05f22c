public import AccessTokens
public import SPIFFE

/// What a token is wanted for.
public struct TokenRequest: Hashable, Sendable {
    /// The audience URI or the name of the service to be called.
    public let audience: String
    /// The scopes that are needed there; none asks for everything that is granted.
    public let scopes: ScopeSet
    /// The identity with which the service is called, where this process has several.
    public let spiffeID: SPIFFEID?

    public init(audience: String, scopes: ScopeSet = .none, spiffeID: SPIFFEID? = nil) {
        self.audience = audience
        self.scopes = scopes
        self.spiffeID = spiffeID
    }
}
