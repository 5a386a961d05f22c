package import ProtoRPC

/// The methods by which agents get access tokens for workloads, and learn what validators have to know.
package enum AccessTokenMethods {
    /// The full name of the service.
    package static let service = "signet.agent.v1.AccessTokens"

    /// Unary.
    package static let issueAccessToken = RPCMethod<
        Signet_Agent_V1_IssueAccessTokenRequest, Signet_Agent_V1_IssueAccessTokenResponse
    >(service: service, name: "IssueAccessToken")

    /// Server streaming.
    package static let watchTokenState = RPCMethod<
        Signet_Agent_V1_WatchTokenStateRequest, Signet_Agent_V1_TokenState
    >(service: service, name: "WatchTokenState")
}
