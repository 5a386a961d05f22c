package import AccessGrants

/// The settings of the authorization server; a control plane without them issues no access tokens.
package struct AuthorizationServerConfiguration: Sendable {
    /// The `iss` of access tokens.
    package var issuer: IssuerURL
    /// How long tokens live where no grant says so; in `TokenLifetime.range`.
    package var tokenLifetime: Duration

    /// - Parameter tokenLifetime: Default: ten minutes.
    package init(issuer: IssuerURL, tokenLifetime: Duration = TokenLifetime.standard) {
        self.issuer = issuer
        self.tokenLifetime = tokenLifetime
    }
}
