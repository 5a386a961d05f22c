package import ProtoRPC

/// The methods by which administrators keep services and grants.
package enum AccessMethods {
    /// The full name of the service.
    package static let service = "signet.server.v1.Access"

    package static let createService = RPCMethod<Signet_Server_V1_CreateServiceRequest, Signet_Server_V1_Service>(
        service: service, name: "CreateService")
    package static let listServices = RPCMethod<
        Signet_Server_V1_ListServicesRequest, Signet_Server_V1_ListServicesResponse
    >(service: service, name: "ListServices")
    package static let getService = RPCMethod<Signet_Server_V1_GetServiceRequest, Signet_Server_V1_Service>(
        service: service, name: "GetService")
    package static let deleteService = RPCMethod<
        Signet_Server_V1_DeleteServiceRequest, Signet_Server_V1_DeleteServiceResponse
    >(service: service, name: "DeleteService")
    package static let createGrant = RPCMethod<Signet_Server_V1_CreateGrantRequest, Signet_Server_V1_Grant>(
        service: service, name: "CreateGrant")
    package static let listGrants = RPCMethod<Signet_Server_V1_ListGrantsRequest, Signet_Server_V1_ListGrantsResponse>(
        service: service, name: "ListGrants")
    package static let getGrant = RPCMethod<Signet_Server_V1_GetGrantRequest, Signet_Server_V1_Grant>(
        service: service, name: "GetGrant")
    package static let deleteGrant = RPCMethod<
        Signet_Server_V1_DeleteGrantRequest, Signet_Server_V1_DeleteGrantResponse
    >(service: service, name: "DeleteGrant")
    package static let testGrant = RPCMethod<Signet_Server_V1_TestGrantRequest, Signet_Server_V1_TestGrantResponse>(
        service: service, name: "TestGrant")
    package static let applyPolicy = RPCMethod<
        Signet_Server_V1_ApplyPolicyRequest, Signet_Server_V1_ApplyPolicyResponse
    >(service: service, name: "ApplyPolicy")
}
