package import ProtoRPC

/// The methods of gRPC server reflection in its first form, which most tools still ask for.
package enum ReflectionAlphaMethods {
    /// The full name of the service.
    package static let service = "grpc.reflection.v1alpha.ServerReflection"

    /// Bidirectional streaming.
    package static let serverReflectionInfo = RPCMethod<
        Grpc_Reflection_V1alpha_ServerReflectionRequest, Grpc_Reflection_V1alpha_ServerReflectionResponse
    >(service: service, name: "ServerReflectionInfo")
}
