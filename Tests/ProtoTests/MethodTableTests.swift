import ControlPlaneProtos
import Foundation
import ProtoRPC
import SwiftProtobuf
import Testing
import WorkloadAPIProtos

@Suite("Tables of methods", .timeLimit(.minutes(1)))
struct MethodTableTests {
    @Test("the Workload API has no package: its paths begin with the bare name of the service")
    func workloadAPI() {
        #expect(WorkloadAPIMethods.fetchX509SVID.path == "/SpiffeWorkloadAPI/FetchX509SVID")
    }

    @Test("the agent's debug API lacks the word that its file has")
    func agentDebug() {
        #expect(AgentDebugMethods.getInfo.path == "/spire.agent.debug.v1.Debug/GetInfo")
    }

    @Test(
        "every service in the descriptors is one of those that are meant to be there",
        arguments: [
            (WorkloadAPIDescriptors.base64, ["SpiffeWorkloadAPI", WorkloadAccessTokenMethods.service]),
            (
                ControlPlaneDescriptors.base64,
                [
                    AccessMethods.service, AccessTokenMethods.service, AgentDebugMethods.service, AgentMethods.service,
                    BundleMethods.service, EntryMethods.service, HealthMethods.service,
                    ReflectionAlphaMethods.service, ReflectionMethods.service, RevocationMethods.service,
                    SVIDMethods.service, ServerDebugMethods.service, SyncMethods.service,
                ]
            ),
        ])
    func descriptors(base64: String, services: [String]) throws {
        let bytes = try #require(Data(base64Encoded: base64, options: .ignoreUnknownCharacters))
        let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)
        let found = set.file.flatMap { file in
            file.service.map { file.package.isEmpty ? $0.name : "\(file.package).\($0.name)" }
        }
        #expect(found.sorted() == services.sorted())
    }
}
