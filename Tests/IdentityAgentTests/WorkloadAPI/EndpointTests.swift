import ControlPlaneProtos
import Foundation
import GRPCCore
import Glibc
import IdentityAgent
import Logging
import ProtoRPC
import Rotation
import ServiceLifecycle
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("The Workload Endpoint", .timeLimit(.minutes(1)))
struct EndpointTests {
    /// The error of each of the seven methods.
    private func errors(_ agent: RunningAgent, metadata: Metadata) async -> [RPCError?] {
        func error<Result>(_ body: () async throws -> Result) async -> RPCError? {
            await #expect(throws: RPCError.self) { _ = try await body() }
        }
        return [
            await error { try await agent.first(WorkloadAPIMethods.fetchX509SVID, metadata: metadata) },
            await error { try await agent.first(WorkloadAPIMethods.fetchX509Bundles, metadata: metadata) },
            await error { try await agent.first(WorkloadAPIMethods.fetchJWTBundles, metadata: metadata) },
            await error { try await agent.first(WorkloadAPIMethods.fetchWITSVID, metadata: metadata) },
            await error { try await agent.first(WorkloadAPIMethods.fetchWITBundles, metadata: metadata) },
            await error {
                try await agent.call(
                    WorkloadAPIMethods.fetchJWTSVID, .with { $0.audience = ["x"] }, metadata: metadata)
            },
            await error {
                try await agent.call(
                    WorkloadAPIMethods.validateJWTSVID,
                    .with {
                        $0.audience = "x"
                        $0.svid = "t"
                    }, metadata: metadata)
            },
        ]
    }

    @Test("WEP-08, WEP-21: without exactly one header of exactly the value true, every method is INVALID_ARGUMENT")
    func header() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let table: [Metadata] = [
                [:], ["workload.spiffe.io": "True"], ["workload.spiffe.io": "TRUE"], ["workload.spiffe.io": "1"],
                ["workload.spiffe.io": ""], ["workload.spiffe.io": "true", "workload.spiffe.io": "true"],
                ["workload.spiffe.io": "true,true"], ["workload.spiffe.io": "false"],
            ]
            for metadata in table {
                for error in await self.errors(agent, metadata: metadata) {
                    #expect(error?.code == .invalidArgument, "\(metadata)")
                    #expect(error?.message == "security header missing from request", "\(metadata)")
                }
            }
            // Refused before anybody looked at the process.
            #expect(!agent.log.entries.contains { "\($0.message)".contains("attestation") })
        }
    }

    @Test("WEP-03, WEP-09: gRPC without TLS is spoken on the Unix socket")
    func plaintext() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(response.svids.count == 1)
        }
    }

    @Test("WEP-18: beside the header no credential is asked for, and what looks like one changes nothing")
    func noCredential() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let tables: [Metadata] = [
                ["workload.spiffe.io": "true"],
                ["workload.spiffe.io": "true", "authorization": "Bearer nonsense"],
                ["workload.spiffe.io": "true", "x-spiffe-id": "spiffe://example.org/other"],
            ]
            for metadata in tables {
                let response = try await agent.first(WorkloadAPIMethods.fetchX509SVID, metadata: metadata)
                #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/a"])
                let token = try await agent.call(
                    WorkloadAPIMethods.fetchJWTSVID, .with { $0.audience = ["x"] }, metadata: metadata)
                #expect(token.svids.map(\.spiffeID) == ["spiffe://example.org/a"])
            }
        }
    }

    @Test("WEP-19: a caller is who the system says that it is; nothing that it says itself counts")
    func outOfBand() async throws {
        let other = geteuid() + 1
        try await withServingAgent(
            script: { $0.entries = [.entry("a", "/other", selectors: ["uid:\(other)"])] }
        ) { agent, plane async throws in
            let claims: Metadata = [
                "workload.spiffe.io": "true", "uid": "\(other)", "unix": "uid:\(other)",
                "x-spiffe-id": "spiffe://example.org/other",
            ]
            let refused = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchX509SVID, metadata: claims)
            }
            #expect(refused?.code == .permissionDenied)
            plane.register(.entry("b", "/own"))
            // Refused streams are not held: the entry arrives some time.
            while true {
                let response = try? await agent.first(WorkloadAPIMethods.fetchX509SVID, metadata: claims)
                guard let response else { continue }
                #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/own"])
                break
            }
        }
    }

    @Test("WAPI-01: all five methods of the two profiles answer a registered caller")
    func profiles() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            #expect(try await !agent.first(WorkloadAPIMethods.fetchX509SVID).svids.isEmpty)
            #expect(try await !agent.first(WorkloadAPIMethods.fetchX509Bundles).bundles.isEmpty)
            #expect(try await !agent.first(WorkloadAPIMethods.fetchJWTBundles).bundles.isEmpty)
            let token = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, .with { $0.audience = ["x"] })
            let validated = try await agent.call(
                WorkloadAPIMethods.validateJWTSVID,
                .with {
                    $0.audience = "x"
                    $0.svid = token.svids[0].svid
                })
            #expect(validated.spiffeID == "spiffe://example.org/a")
        }
    }

    @Test("WAPI-54: both WIT methods are UNIMPLEMENTED, also for a process that nobody registered")
    func wit() async throws {
        try await withServingAgent { agent, _ async throws in
            let svid = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            }
            let bundles = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchWITBundles)
            }
            #expect(svid?.code == .unimplemented)
            #expect(bundles?.code == .unimplemented)
        }
    }

    @Test("WEP-33: health is served on the same socket, without the header")
    func health() async throws {
        try await withServingAgent { agent, _ async throws in
            #expect(try await agent.call(HealthMethods.check, metadata: [:]).status == .serving)
            let list = try await agent.call(HealthMethods.list, metadata: [:])
            #expect(list.statuses["SpiffeWorkloadAPI"]?.status == .serving)
        }
    }

    @Test("WEP-28, WEP-30, WEP-31: reflection lists the Workload API and the services beside it")
    func reflection() async throws {
        try await withServingAgent { agent, _ async throws in
            let names = try await agent.client.converse(ReflectionMethods.serverReflectionInfo) { writer in
                try await writer.write(.with { $0.listServices = "" })
            } _: { responses in
                for try await response in responses {
                    return response.listServicesResponse.service.map(\.name)
                }
                return []
            }
            #expect(
                names == [
                    "SpiffeWorkloadAPI", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection", "signet.workload.v1.AccessTokens",
                ])
        }
    }

    @Test("WAPI-04, WEP-28: the service has exactly the seven methods of the standard")
    func methods() async throws {
        try await withServingAgent { agent, _ async throws in
            let files = try await agent.client.converse(ReflectionMethods.serverReflectionInfo) { writer in
                try await writer.write(.with { $0.fileContainingSymbol = "SpiffeWorkloadAPI" })
            } _: { responses in
                for try await response in responses {
                    return response.fileDescriptorResponse.fileDescriptorProto
                }
                return []
            }
            let methods = try files.map { try Google_Protobuf_FileDescriptorProto(serializedBytes: $0) }
                .flatMap(\.service).first { $0.name == "SpiffeWorkloadAPI" }?.method.map(\.name).sorted()
            #expect(
                methods == [
                    "FetchJWTBundles", "FetchJWTSVID", "FetchWITBundles", "FetchWITSVID", "FetchX509Bundles",
                    "FetchX509SVID", "ValidateJWTSVID",
                ])
        }
    }

    @Test("WEP-23: when the agent shuts down, streams end with UNAVAILABLE and the socket is gone")
    func shutdown() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.watchingX509SVIDs { stream async throws in
                    _ = try await stream.next()
                    await agent.services.triggerGracefulShutdown()
                    _ = try await stream.next()
                }
            }
            #expect(error?.code == .unavailable)
            for await isServing in agent.agent.isServing.updates() where !isServing { break }
            #expect(!FileManager.default.fileExists(atPath: agent.configuration.socketPath))
        }
    }

    @Test("no key and no token reaches the log")
    func secrets() async throws {
        try await withServingAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let svid = try await agent.first(WorkloadAPIMethods.fetchX509SVID).svids[0]
            let token = try await agent.call(WorkloadAPIMethods.fetchJWTSVID, .with { $0.audience = ["x"] })
            let log = agent.log.entries.map { "\($0.message) \($0.metadata)" }.joined(separator: "\n")
            // What was made is logged, in every form that a slip could give it.
            #expect(log.contains("X509-SVID issued"))
            let signature = try #require(token.svids[0].svid.split(separator: ".").last)
            #expect(!log.contains(signature))
            // The end of a PKCS#8 key; its beginning is that of every key.
            let key = svid.x509SvidKey.suffix(30)
            let forms = [
                Data(key).base64EncodedString(), key.map { String(format: "%02x", $0) }.joined(),
                key.map { "\($0)" }.joined(separator: ", "),
                // As protobuf prints bytes.
                String("\(svid)".split(separator: "x509_svid_key:").last?.prefix(200).suffix(100) ?? "none"),
            ]
            for form in forms { #expect(!log.contains(form), "\(form)") }
        }
    }
}
