import ControlPlaneProtos
import GRPCCore
import PeerTransport
import ProtoRPC
import Rotation
import SwiftProtobuf
import Testing
import WorkloadAPIProtos

@Suite("gRPC health checking", .timeLimit(.minutes(1)))
struct HealthTests {
    @Test(
        "the whole server and each of its services are serving while the server says so",
        arguments: ["", EchoMethods.service])
    func check(service: String) async throws {
        let isServing = Watched(true)
        let register = { (routes: inout RPCRoutes) in
            routes.serveEcho()
            routes.serveHealth(isServing)
        }
        try await withServer(register) { running in
            try await running.withClient { client in
                let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = service }
                let before = try await client.call(HealthMethods.check, request)
                #expect(before.status == .serving)
                isServing.publish(false)
                let after = try await client.call(HealthMethods.check, request)
                #expect(after.status == .notServing)
            }
        }
    }

    @Test("a service that does not exist is NOT_FOUND to Check and SERVICE_UNKNOWN to Watch")
    func unknown() async throws {
        try await withServer({ $0.serveHealth(Watched(true)) }) { running in
            try await running.withClient { client in
                let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = "other" }
                let error = await #expect(throws: RPCError.self) {
                    try await client.call(HealthMethods.check, request)
                }
                #expect(error?.code == .notFound)
                let status = try await client.stream(HealthMethods.watch, request) { responses in
                    try await responses.first { _ in true }?.status
                }
                #expect(status == .serviceUnknown)
            }
        }
    }

    @Test("Watch tells the status now, and each change of it once")
    func watch() async throws {
        let isServing = Watched(true)
        try await withServer({ $0.serveHealth(isServing) }) { running in
            try await running.withClient { client in
                try await client.stream(HealthMethods.watch, .init()) { responses in
                    var responses = responses.makeAsyncIterator()
                    var seen = [try await responses.next()?.status]
                    isServing.publish(true)
                    isServing.publish(false)
                    seen.append(try await responses.next()?.status)
                    isServing.publish(true)
                    seen.append(try await responses.next()?.status)
                    #expect(seen == [.serving, .notServing, .serving])
                }
            }
        }
    }

    @Test("List names every service")
    func list() async throws {
        let register = { (routes: inout RPCRoutes) in
            routes.serveEcho()
            routes.serveHealth(Watched(false))
        }
        let statuses = try await withServer(register) { running in
            try await running.withClient { try await $0.call(HealthMethods.list, .init()).statuses }
        }
        #expect(Set(statuses.keys) == ["", EchoMethods.service, HealthMethods.service])
        #expect(statuses.values.allSatisfy { $0.status == .notServing })
    }
}

@Suite("gRPC server reflection", .timeLimit(.minutes(1)))
struct ReflectionTests {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    /// Asks a server that has health checking and the Workload API's schema.
    private func ask(_ requests: [Request]) async throws -> [Response] {
        let register = { (routes: inout RPCRoutes) in
            routes.serveHealth(Watched(true))
            try routes.serveReflection(of: [ControlPlaneDescriptors.base64, WorkloadAPIDescriptors.base64])
        }
        return try await withServer(register) { running in
            try await running.withClient { client in
                try await client.converse(ReflectionMethods.serverReflectionInfo) { writer in
                    try await writer.write(contentsOf: requests)
                } _: { responses in
                    try await responses.reduce(into: []) { $0.append($1) }
                }
            }
        }
    }

    private func files(_ response: Response?) throws -> [Google_Protobuf_FileDescriptorProto] {
        try (response?.fileDescriptorResponse.fileDescriptorProto ?? []).map { try .init(serializedBytes: $0) }
    }

    @Test("services are listed, reflection among them")
    func services() async throws {
        let request = Request.with { $0.listServices = "*" }
        let response = try #require(try await self.ask([request]).first)
        #expect(
            response.listServicesResponse.service.map(\.name) == [
                "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ])
        #expect(response.originalRequest == request)
    }

    @Test(
        "a file is found by a symbol that it declares, and brings what it imports",
        arguments: [
            "SpiffeWorkloadAPI", "SpiffeWorkloadAPI.FetchX509SVID", "X509SVIDResponse",
            "X509SVIDResponse.FederatedBundlesEntry",
        ])
    func symbols(symbol: String) async throws {
        let files = try self.files(try await self.ask([.with { $0.fileContainingSymbol = symbol }]).first)
        #expect(files.map(\.name) == ["workloadapi.proto", "google/protobuf/struct.proto"])
        #expect(files.first?.service.first?.method.count == 7)
    }

    @Test("a file is found by its name")
    func names() async throws {
        let name = "spire/api/types/entry.proto"
        let files = try self.files(try await self.ask([.with { $0.fileByFilename = name }]).first)
        #expect(files.map(\.name) == [name, "spire/api/types/selector.proto", "spire/api/types/spiffeid.proto"])
    }

    @Test("what is not there is NOT_FOUND, and the conversation goes on")
    func unknown() async throws {
        let responses = try await self.ask([
            .with { $0.fileByFilename = "no.proto" }, .with { $0.fileContainingSymbol = "no.Symbol" },
            .with { $0.allExtensionNumbersOfType = "X509SVID" }, Request(), .with { $0.listServices = "" },
        ])
        #expect(responses.map(\.errorResponse.errorCode) == [5, 5, 5, 3, 0])
    }

    @Test("v1alpha answers as v1 does")
    func alpha() async throws {
        let register = { (routes: inout RPCRoutes) in
            try routes.serveReflection(of: [ControlPlaneDescriptors.base64])
        }
        let count = try await withServer(register) { running in
            try await running.withClient { client in
                try await client.converse(ReflectionAlphaMethods.serverReflectionInfo) { writer in
                    try await writer.write(.with { $0.listServices = "" })
                } _: { responses in
                    try await responses.first { _ in true }?.listServicesResponse.service.count
                }
            }
        }
        #expect(count == 2)
    }
}
