import ControlPlaneProtos
import GRPCCore
import ProtoRPC
import ServiceLifecycle
import SwiftProtobuf

extension RPCRoutes {
    /// Serves server reflection (v1, and v1alpha that most tools still ask for), of the services that have a handler by now
    /// and of itself.
    ///
    /// - Parameter base64: Sets of file descriptors (`google.protobuf.FileDescriptorSet`), as the generated code has them.
    /// - Throws: When a set cannot be decoded.
    package mutating func serveReflection(of base64: [String]) throws {
        // Both versions have the same messages.
        let alpha = RPCMethod<
            Grpc_Reflection_V1_ServerReflectionRequest, Grpc_Reflection_V1_ServerReflectionResponse
        >(service: ReflectionAlphaMethods.service, name: ReflectionAlphaMethods.serverReflectionInfo.name)
        let services = Set(self.services + [ReflectionMethods.service, ReflectionAlphaMethods.service]).sorted()
        let schema = try DescriptorIndex(base64: base64)
        for method in [ReflectionMethods.serverReflectionInfo, alpha] {
            self.bidirectional(method) { requests, _, responses in
                for try await request in requests.cancelOnGracefulShutdown() {
                    try await responses.write(.answering(request, services: services, schema: schema))
                }
                if Task.isShuttingDownGracefully { throw RPCError.endedByShutdown }
            }
        }
    }
}

extension Grpc_Reflection_V1_ServerReflectionResponse {
    fileprivate static func answering(
        _ request: Grpc_Reflection_V1_ServerReflectionRequest, services: [String], schema: DescriptorIndex
    ) -> Self {
        var response = Self()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .listServices:
            response.listServicesResponse.service = services.map { name in .with { $0.name = name } }
        case .fileByFilename(let name):
            response.answer(with: schema.files(named: name))
        case .fileContainingSymbol(let symbol):
            response.answer(with: schema.files(declaring: symbol))
        case .fileContainingExtension, .allExtensionNumbersOfType:
            // Proto3 has no extensions.
            response.answer(with: nil)
        case nil:
            response.errorResponse = .with {
                $0.errorCode = Int32(Status.Code.invalidArgument.rawValue)
                $0.errorMessage = "the request asks for nothing"
            }
        }
        return response
    }

    private mutating func answer(with files: DescriptorIndex.Files?) {
        if let files {
            self.fileDescriptorResponse.fileDescriptorProto = files.serialized
        } else {
            self.errorResponse = .with {
                $0.errorCode = Int32(Status.Code.notFound.rawValue)
                $0.errorMessage = "unknown to this server"
            }
        }
    }
}
