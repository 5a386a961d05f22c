package import ProtoRPC

/// The methods by which administrators take back what has been issued.
package enum RevocationMethods {
    /// The full name of the service.
    package static let service = "signet.server.v1.Revocations"

    package static let revoke = RPCMethod<Signet_Server_V1_RevokeRequest, Signet_Server_V1_Revocation>(
        service: service, name: "Revoke")
    package static let listRevocations = RPCMethod<
        Signet_Server_V1_ListRevocationsRequest, Signet_Server_V1_ListRevocationsResponse
    >(service: service, name: "ListRevocations")
}
