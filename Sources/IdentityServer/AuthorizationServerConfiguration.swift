package import AccessGrants
package import AccessTokens

/// The settings of the authorization server; a control plane without them issues no access tokens.
package struct AuthorizationServerConfiguration: Sendable {
    /// The `iss` of access tokens.
    package var issuer: IssuerURL
    /// How long tokens live where no grant says so; in `TokenLifetime.range`.
    package var tokenLifetime: Duration
    /// The oldest version of the library of services that gets tokens; nil gives them to all.
    package var minimumLibraryVersion: LibraryVersion?
    /// Where clients that are not workloads of an agent get theirs; nil serves agents only.
    package var endpoint: Endpoint?

    /// - Parameters:
    ///   - tokenLifetime: Default: ten minutes.
    ///   - minimumLibraryVersion: Default: none.
    ///   - endpoint: Default: none.
    package init(
        issuer: IssuerURL, tokenLifetime: Duration = TokenLifetime.standard,
        minimumLibraryVersion: LibraryVersion? = nil, endpoint: Endpoint? = nil
    ) {
        self.issuer = issuer
        self.tokenLifetime = tokenLifetime
        self.minimumLibraryVersion = minimumLibraryVersion
        self.endpoint = endpoint
    }

    /// An HTTPS listener.
    package struct Endpoint: Sendable {
        package var bindAddress: String
        /// The TCP port; 0 takes a free one.
        package var bindPort: Int
        package var certificate: Certificate

        /// - Parameters:
        ///   - bindAddress: Default: every IPv4 address of the machine.
        ///   - bindPort: Default: 8443.
        package init(bindAddress: String = "0.0.0.0", bindPort: Int = 8443, certificate: Certificate) {
            self.bindAddress = bindAddress
            self.bindPort = bindPort
            self.certificate = certificate
        }
    }

    /// By what clients know the server.
    package enum Certificate: Hashable, Sendable {
        /// The server's own X509-SVID, with these DNS names; clients trust the authorities of the trust domain.
        case ownSVID(dnsNames: [String])
        /// A certificate and its key in PEM, followed when the files change.
        case files(certificate: String, key: String)
    }
}
