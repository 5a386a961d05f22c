package import ProtoRPC

/// The methods by which a Signet server pushes changes to its agents.
package enum SyncMethods {
    /// The full name of the service.
    package static let service = "signet.agent.v1.Sync"

    /// Server streaming.
    package static let watchAuthorizedEntries = RPCMethod<
        Signet_Agent_V1_WatchAuthorizedEntriesRequest, Signet_Agent_V1_WatchAuthorizedEntriesResponse
    >(service: service, name: "WatchAuthorizedEntries")
}
