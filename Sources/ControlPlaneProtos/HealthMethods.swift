package import ProtoRPC

/// The methods of gRPC health checking.
package enum HealthMethods {
    /// The full name of the service.
    package static let service = "grpc.health.v1.Health"

    package static let check = RPCMethod<
        Grpc_Health_V1_HealthCheckRequest, Grpc_Health_V1_HealthCheckResponse
    >(service: service, name: "Check")
    package static let list = RPCMethod<
        Grpc_Health_V1_HealthListRequest, Grpc_Health_V1_HealthListResponse
    >(service: service, name: "List")
    /// Server streaming.
    package static let watch = RPCMethod<
        Grpc_Health_V1_HealthCheckRequest, Grpc_Health_V1_HealthCheckResponse
    >(service: service, name: "Watch")
}
