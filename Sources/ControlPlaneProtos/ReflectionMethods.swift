package import ProtoRPC

/// The methods of gRPC server reflection.
package enum ReflectionMethods {
    /// The full name of the service.
    package static let service = "grpc.reflection.v1.ServerReflection"

    /// Bidirectional streaming.
    package static let serverReflectionInfo = RPCMethod<
        Grpc_Reflection_V1_ServerReflectionRequest, Grpc_Reflection_V1_ServerReflectionResponse
    >(service: service, name: "ServerReflectionInfo")
}
