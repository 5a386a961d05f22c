package import KeyManagement
package import PeerTransport
package import SPIFFE

/// The settings of a node agent.
package struct IdentityAgentConfiguration: Sendable {
    /// How the agent knows the server the first time.
    ///
    /// A trust bundle on disk, from an earlier run, comes before it.
    package enum Bootstrap: Sendable {
        /// By this trust bundle of the agent's trust domain.
        case bundle(TrustBundle)
        /// By the bundle that whoever answers the first time hands out.
        case insecure
        /// Not at all: the agent must have been attested in an earlier run.
        case identityOnDisk
    }

    /// The trust domain of the server and of every identity the agent serves.
    package var trustDomain: TrustDomain
    /// A host name or an IP address.
    package var serverAddress: String
    package var serverPort: Int
    /// The directory of the agent's own identity; it must exist.
    package var dataDirectory: String
    /// The Workload API's Unix socket: mode 0777, in a directory of mode 0755 that is made when missing.
    package var socketPath: String
    package var bootstrap: Bootstrap
    /// Used once, when there is no valid identity on disk.
    package var joinToken: String?
    /// The type of the keys that are made for workloads.
    package var workloadKeyType: KeyType
    /// Whether WIT-SVIDs are served.
    package var servesWIT: Bool
    /// How often a server that does not push is asked for changes.
    package var syncInterval: Duration
    /// How many X509-SVIDs are kept ready beyond those that some workload follows.
    package var svidCacheLimit: Int
    /// The limits of the Workload API's listener.
    package var limits: RPCLimits
    /// What the server is told about this program.
    package var version: String

    /// - Parameters:
    ///   - serverPort: Default: 8081, SPIRE's.
    ///   - bootstrap: Default: ``Bootstrap/identityOnDisk``.
    ///   - workloadKeyType: Default: EC P-256.
    ///   - servesWIT: Default: no; their standard is incubating.
    ///   - syncInterval: Default: 5 seconds.
    ///   - svidCacheLimit: Default: 1,000.
    package init(
        trustDomain: TrustDomain, serverAddress: String, serverPort: Int = 8081, dataDirectory: String,
        socketPath: String, bootstrap: Bootstrap = .identityOnDisk, joinToken: String? = nil,
        workloadKeyType: KeyType = .ecP256, servesWIT: Bool = false, syncInterval: Duration = .seconds(5),
        svidCacheLimit: Int = 1_000, limits: RPCLimits = RPCLimits(), version: String = ""
    ) {
        self.trustDomain = trustDomain
        self.serverAddress = serverAddress
        self.serverPort = serverPort
        self.dataDirectory = dataDirectory
        self.socketPath = socketPath
        self.bootstrap = bootstrap
        self.joinToken = joinToken
        self.workloadKeyType = workloadKeyType
        self.servesWIT = servesWIT
        self.syncInterval = syncInterval
        self.svidCacheLimit = svidCacheLimit
        self.limits = limits
        self.version = version
    }
}
