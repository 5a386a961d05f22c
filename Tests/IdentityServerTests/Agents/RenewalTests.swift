import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("renewal of agents' certificates", .timeLimit(.minutes(1)))
struct RenewalTests {
    private static let method = "authorization denied for method \(AgentMethods.postStatus.path)"

    private func postStatus(_ plane: ControlPlaneUnderTest, as agent: TestIdentity) async throws {
        try await plane.remote(as: agent) { _ = try await $0.call(AgentMethods.postStatus, .init()) }
    }

    @Test("the current certificate stays good until the renewed one is used for the first time")
    func twoPhases() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            plane.time.advance(by: .seconds(1_800))
            let renewed = try await plane.renew(agent)
            try await self.postStatus(plane, as: agent)
            let before = try await plane.local {
                try await $0.call(AgentMethods.getAgent, .with { $0.id = .init(agent.id) })
            }
            #expect(before.x509SvidSerialNumber == (try agent.serialNumber))

            try await self.postStatus(plane, as: renewed)
            let after = try await plane.local {
                try await $0.call(AgentMethods.getAgent, .with { $0.id = .init(agent.id) })
            }
            #expect(after.x509SvidSerialNumber == (try renewed.serialNumber))
            #expect(after.x509SvidExpiresAt == Int64(plane.time.now.timeIntervalSince1970) + 3_600)
            #expect(
                try await refusal { try await self.postStatus(plane, as: agent) }
                    == Refusal(.permissionDenied, Self.method, .agentNotActive))
        }
    }

    @Test("a renewal that was never used is replaced by the next one")
    func secondRenewal() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let lost = try await plane.renew(agent)
            let renewed = try await plane.renew(agent)
            #expect(
                try await refusal { try await self.postStatus(plane, as: lost) }
                    == Refusal(.permissionDenied, Self.method, .agentNotActive))
            try await self.postStatus(plane, as: renewed)
        }
    }

    @Test("20 first uses of a renewed certificate at once are all answered")
    func racedActivation() async throws {
        try await withControlPlane { plane async throws in
            let renewed = try await plane.renew(plane.newAgent())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { try await self.postStatus(plane, as: renewed) } }
                try await group.waitForAll()
            }
        }
    }

    @Test("a certificate that expires during a connection is refused there")
    func expiry() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.remote(as: agent) { client async throws in
                _ = try await client.call(AgentMethods.postStatus, .init())
                plane.time.advance(by: .seconds(3_600))
                #expect(
                    try await refusal { try await client.call(AgentMethods.postStatus, .init()) }
                        == Refusal(.permissionDenied, Self.method, .agentExpired))
            }
        }
    }

    @Test("a renewal without a CSR is refused")
    func missingCSR() async throws {
        try await withControlPlane { plane async throws in
            try await plane.remote(as: plane.newAgent()) { client async throws in
                #expect(
                    try await refusal { try await client.call(AgentMethods.renewAgent, .init()) }
                        == Refusal(.invalidArgument, "params cannot be nil"))
                #expect(
                    try await refusal {
                        try await client.call(AgentMethods.renewAgent, .with { $0.params = .init() })
                    } == Refusal(.invalidArgument, "missing CSR"))
            }
        }
    }

    @Test("only the key of a renewal's CSR counts")
    func onlyTheKeyCounts() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let key = try KeyPair.generate(.ecP384)
            let csr = try makeCSR(key, id: plane.id("/spire/server"), dnsNames: ["server.example.org"])
            let reply = try await plane.remote(as: agent) {
                try await $0.call(AgentMethods.renewAgent, .with { $0.params.csr = csr })
            }
            let renewed = try TestIdentity(key: key, svid: reply.svid, bundles: plane.bundles)
            #expect(renewed.id == agent.id)
        }
    }

    @Test("an agent's version is kept, and a long one refused")
    func version() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            try await plane.remote(as: agent) { client async throws in
                _ = try await client.call(AgentMethods.postStatus, .with { $0.agentVersion = "1.2.3" })
                #expect(
                    try await refusal {
                        try await client.call(
                            AgentMethods.postStatus, .with { $0.agentVersion = String(repeating: "x", count: 256) })
                    } == Refusal(.invalidArgument, "agent version is too long (max 255 characters)"))
            }
            let shown = try await plane.local {
                try await $0.call(AgentMethods.getAgent, .with { $0.id = .init(agent.id) })
            }
            #expect(shown.agentVersion == "1.2.3")
        }
    }
}
