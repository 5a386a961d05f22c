package import ProtoRPC

/// The methods of the agent's Debug API.
package enum AgentDebugMethods {
    /// The full name of the service.
    package static let service = "spire.agent.debug.v1.Debug"

    package static let getInfo = RPCMethod<
        Spire_Agent_Debug_V1_GetInfoRequest, Spire_Agent_Debug_V1_GetInfoResponse
    >(service: service, name: "GetInfo")
}
