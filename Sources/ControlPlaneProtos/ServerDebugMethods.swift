package import ProtoRPC

/// The methods of the server's Debug API.
package enum ServerDebugMethods {
    /// The full name of the service.
    package static let service = "spire.api.server.debug.v1.Debug"

    package static let getInfo = RPCMethod<
        Spire_Api_Server_Debug_V1_GetInfoRequest, Spire_Api_Server_Debug_V1_GetInfoResponse
    >(service: service, name: "GetInfo")
}
