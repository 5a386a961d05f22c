/// The bounds of what a caller may send to the control plane, and of what it is sent at once.
enum ControlPlaneLimits {
    /// Registration entries, or entry IDs, in one batch.
    static let maxBatchEntries = 1_000
    /// X509-SVIDs in one `BatchNewX509SVID`; what a SPIRE agent asks for at most.
    static let maxBatchSVIDs = 500
    /// Entries in one message of `SyncAuthorizedEntries` and `WatchAuthorizedEntries`, as SPIRE's servers send.
    static let entryPageSize = 500
    /// The entries of one message, in bytes on the wire, unless it has one alone: half of what gRPC clients take.
    static let entryPageBytes = 2 << 20
    /// Entries that a stream is told one by one; where more have changed it is told everything.
    static let maxToldChanges = 10_000
    /// Streams of `WatchAuthorizedEntries` that one agent has open at once.
    ///
    /// It needs one; others may be of connections whose end was not noticed yet.
    static let maxWatchesPerAgent = 8
    /// Entry IDs in one request of `SyncAuthorizedEntries`.
    static let maxSyncIDs = 10_000
    /// The most entries or agents in one page of a listing, and how many there are when the caller leaves it open.
    static let maxListPage = 5_000
    /// Selectors or trust domains in a filter.
    static let maxFilterValues = 1_000
    /// A PKCS#10 request, in DER.
    ///
    /// One with an RSA key of 8192 bits and a page of DNS names stays below.
    static let maxCSRBytes = 16_384
    /// DNS names in a request to `MintX509SVID`.
    static let maxCSRDNSNames = 100
    /// Audiences of a JWT-SVID.
    static let maxAudiences = 64
    /// One audience, in bytes of UTF-8.
    static let maxAudienceBytes = 2_048
    /// The version that an agent reports of itself, in bytes of UTF-8.
    static let maxAgentVersionBytes = 255
    /// The payload of an attestation, in bytes.
    ///
    /// A join token is far smaller; it has its own limit.
    static let maxAttestationPayloadBytes = 65_536
    /// Services, and grants, in one policy.
    static let maxPolicyItems = 5_000
    /// Revocations that are in force at the same time.
    static let maxRevocations = 100_000
    /// Revocations that are in force when clients cannot revoke tokens any more: the rest is for administrators.
    static let maxRevocationsByClients = 50_000
    /// Revocations of one client that are in force at the same time.
    static let maxRevocationsByOneClient = 1_000
    /// Revocations in one message of `WatchTokenState`.
    static let revocationPageSize = 1_000
    /// Rows of the change log read at once.
    static let changeLogPage = 1_000
    /// Changes of entries that are remembered for agents that resume a watch; an agent that was away for more gets a full
    /// snapshot.
    static let maxRememberedChanges = 65_536
}
