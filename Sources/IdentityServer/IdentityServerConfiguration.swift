package import PeerTransport
package import SPIFFE
package import SPIFFETLS

/// The settings of a control plane.
package struct IdentityServerConfiguration: Sendable {
    /// The trust domain the server issues for; the one its store was created with.
    package var trustDomain: TrustDomain
    /// The address agents and remote administrators connect to.
    package var bindAddress: String
    /// The TCP port; 0 takes a free one.
    package var bindPort: Int
    /// The administrator's Unix socket: mode 0660, in a directory of mode 0750 that is made when missing.
    package var socketPath: String
    /// The life of X509-SVIDs whose entry does not say, and of minted ones whose request does not.
    package var defaultX509SVIDTTL: Duration
    /// The life of JWT-SVIDs whose entry does not say, and of minted ones whose request does not.
    package var defaultJWTSVIDTTL: Duration
    /// The life of WIT-SVIDs whose entry does not say how long its X509-SVIDs live, and of minted ones whose request does
    /// not; of no effect where the authorities issue none.
    package var defaultWITSVIDTTL: Duration
    /// The life of agents' X509-SVIDs.
    package var agentTTL: Duration
    /// The oldest version of TLS the server speaks.
    package var minTLSVersion: MinimumTLSVersion
    /// The authorization server; nil issues no access tokens.
    package var authorizationServer: AuthorizationServerConfiguration?
    /// The limits of the two listeners.
    package var limits: RPCLimits

    /// - Parameters:
    ///   - bindAddress: Default: every IPv4 address of the machine.
    ///   - bindPort: Default: 8081, SPIRE's.
    ///   - defaultX509SVIDTTL: Default: one hour.
    ///   - defaultJWTSVIDTTL: Default: five minutes.
    ///   - defaultWITSVIDTTL: Default: one hour.
    ///   - agentTTL: Default: `defaultX509SVIDTTL`.
    ///   - minTLSVersion: Default: TLS 1.3.
    ///   - authorizationServer: Default: none.
    package init(
        trustDomain: TrustDomain, bindAddress: String = "0.0.0.0", bindPort: Int = 8081, socketPath: String,
        defaultX509SVIDTTL: Duration = .seconds(3_600), defaultJWTSVIDTTL: Duration = .seconds(300),
        defaultWITSVIDTTL: Duration = .seconds(3_600), agentTTL: Duration? = nil,
        minTLSVersion: MinimumTLSVersion = .tlsv13, authorizationServer: AuthorizationServerConfiguration? = nil,
        limits: RPCLimits = RPCLimits()
    ) {
        self.trustDomain = trustDomain
        self.bindAddress = bindAddress
        self.bindPort = bindPort
        self.socketPath = socketPath
        self.defaultX509SVIDTTL = defaultX509SVIDTTL
        self.defaultJWTSVIDTTL = defaultJWTSVIDTTL
        self.defaultWITSVIDTTL = defaultWITSVIDTTL
        self.agentTTL = agentTTL ?? defaultX509SVIDTTL
        self.minTLSVersion = minTLSVersion
        self.authorizationServer = authorizationServer
        self.limits = limits
    }
}
