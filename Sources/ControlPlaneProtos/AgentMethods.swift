package import ProtoRPC
package import SwiftProtobuf

/// The methods of the server's Agent API.
package enum AgentMethods {
    /// The full name of the service.
    package static let service = "spire.api.server.agent.v1.Agent"

    package static let countAgents = RPCMethod<
        Spire_Api_Server_Agent_V1_CountAgentsRequest, Spire_Api_Server_Agent_V1_CountAgentsResponse
    >(service: service, name: "CountAgents")
    package static let listAgents = RPCMethod<
        Spire_Api_Server_Agent_V1_ListAgentsRequest, Spire_Api_Server_Agent_V1_ListAgentsResponse
    >(service: service, name: "ListAgents")
    package static let getAgent = RPCMethod<
        Spire_Api_Server_Agent_V1_GetAgentRequest, Spire_Api_Types_Agent
    >(service: service, name: "GetAgent")
    package static let deleteAgent = RPCMethod<
        Spire_Api_Server_Agent_V1_DeleteAgentRequest, Google_Protobuf_Empty
    >(service: service, name: "DeleteAgent")
    package static let banAgent = RPCMethod<
        Spire_Api_Server_Agent_V1_BanAgentRequest, Google_Protobuf_Empty
    >(service: service, name: "BanAgent")
    /// Bidirectional streaming.
    package static let attestAgent = RPCMethod<
        Spire_Api_Server_Agent_V1_AttestAgentRequest, Spire_Api_Server_Agent_V1_AttestAgentResponse
    >(service: service, name: "AttestAgent")
    package static let renewAgent = RPCMethod<
        Spire_Api_Server_Agent_V1_RenewAgentRequest, Spire_Api_Server_Agent_V1_RenewAgentResponse
    >(service: service, name: "RenewAgent")
    package static let createJoinToken = RPCMethod<
        Spire_Api_Server_Agent_V1_CreateJoinTokenRequest, Spire_Api_Types_JoinToken
    >(service: service, name: "CreateJoinToken")
    package static let postStatus = RPCMethod<
        Spire_Api_Server_Agent_V1_PostStatusRequest, Spire_Api_Server_Agent_V1_PostStatusResponse
    >(service: service, name: "PostStatus")
}
