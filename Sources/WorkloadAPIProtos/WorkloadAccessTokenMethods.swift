package import ProtoRPC

/// The methods by which workloads get access tokens from their agent, and learn what validators have to know.
package enum WorkloadAccessTokenMethods {
    /// The full name of the service.
    package static let service = "signet.workload.v1.AccessTokens"

    /// Unary.
    package static let fetchAccessToken = RPCMethod<
        Signet_Workload_V1_FetchAccessTokenRequest, Signet_Workload_V1_FetchAccessTokenResponse
    >(service: service, name: "FetchAccessToken")

    /// Server streaming.
    package static let watchTokenState = RPCMethod<
        Signet_Workload_V1_WatchTokenStateRequest, Signet_Workload_V1_TokenState
    >(service: service, name: "WatchTokenState")
}
