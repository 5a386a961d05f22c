import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import KeyManagement
import ProtoRPC
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing

@Suite("node attestation by join token", .timeLimit(.minutes(1)))
struct AttestationTests {
    private static let unknown = Refusal(
        .invalidArgument, "failed to attest: join token does not exist or has already been used")

    private func attestation(of plane: ControlPlaneUnderTest, type: String = "join_token", token: String, csr: Data)
        async throws -> Refusal
    {
        try await refusal {
            try await plane.remote(as: nil) { try await $0.attest(type: type, payload: token, csr: csr) }
        }
    }

    @Test("a token gives the agent an X509-SVID below /spire/agent/join_token, for the agent's lifetime")
    func attests() async throws {
        var settings = HarnessSettings()
        settings.agentTTL = .seconds(1_200)
        try await withControlPlane(settings) { plane async throws in
            let token = try await plane.makeToken()
            let agent = try await plane.attest(token: token)
            #expect(agent.id.uri == "spiffe://example.org/spire/agent/join_token/\(token)")
            #expect(agent.svid.notAfter == plane.time.now.addingTimeInterval(1_200))
            let verified = try VerifiedX509SVID.validate(
                agent.svid.certificates, bundles: plane.bundles, now: plane.time.now)
            let shown = try await plane.local {
                try await $0.call(AgentMethods.getAgent, .with { $0.id = .init(agent.id) })
            }
            #expect(shown.attestationType == "join_token")
            #expect(shown.x509SvidSerialNumber == verified.serialNumber)
            #expect(shown.x509SvidExpiresAt == Int64(agent.svid.notAfter.timeIntervalSince1970))
            #expect(!shown.canReattest)
            #expect(!shown.banned)
        }
    }

    @Test("a token is accepted once")
    func once() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            _ = try await plane.attest(token: token)
            #expect(try await self.attestation(of: plane, token: token, csr: makeCSR()) == Self.unknown)
        }
    }

    @Test("of 20 agents that use one token at once, one is attested")
    func raced() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            let outcomes = try await withThrowingTaskGroup(of: Refusal?.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        do {
                            _ = try await plane.attest(token: token)
                            return nil
                        } catch let error as RPCError {
                            return Refusal(error)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == nil } == 1)
            #expect(outcomes.count { $0 == Self.unknown } == 19)
        }
    }

    @Test("a token is refused from its expiry on")
    func expired() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken(ttl: 60)
            plane.time.advance(by: .seconds(60))
            #expect(
                try await self.attestation(of: plane, token: token, csr: makeCSR())
                    == Refusal(.invalidArgument, "join token expired"))
        }
    }

    @Test(
        "an unknown token is refused", arguments: ["nobody-made-this", "a/b", "..", String(repeating: "x", count: 300)])
    func unknownToken(token: String) async throws {
        try await withControlPlane { plane async throws in
            #expect(try await self.attestation(of: plane, token: token, csr: makeCSR()) == Self.unknown)
        }
    }

    @Test("a CSR that cannot be signed leaves the token usable")
    func badCSR() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken()
            var tampered = try makeCSR()
            tampered[tampered.endIndex - 1] ^= 1
            #expect(
                try await self.attestation(of: plane, token: token, csr: tampered)
                    == Refusal(.invalidArgument, "invalid CSR signature"))
            let garbage = try await self.attestation(of: plane, token: token, csr: Data([1, 2, 3]))
            #expect(garbage.code == .invalidArgument)
            #expect(garbage.message.hasPrefix("malformed CSR: "))
            let long = try await self.attestation(of: plane, token: token, csr: Data(repeating: 0x30, count: 20_000))
            #expect(long == Refusal(.invalidArgument, "malformed CSR: longer than 16384 bytes"))
            #expect(try await plane.attest(token: token).id.path == "/spire/agent/join_token/\(token)")
        }
    }

    @Test("an attestor that the server does not have is named in the refusal")
    func unknownAttestor() async throws {
        try await withControlPlane { plane async throws in
            #expect(
                try await self.attestation(of: plane, type: "aws_iid", token: "x", csr: makeCSR())
                    == Refusal(
                        .failedPrecondition,
                        "error getting node attestor: could not find node attestor type \"aws_iid\""))
        }
    }

    @Test("incomplete parameters are named in the refusal")
    func incompleteParameters() async throws {
        try await withControlPlane { plane async throws in
            let cases: [(Spire_Api_Server_Agent_V1_AttestAgentRequest, String)] = [
                (.init(), "missing params"),
                (.with { $0.challengeResponse = Data([1]) }, "missing params"),
                (.with { $0.params = .init() }, "missing attestation data"),
                (.with { $0.params.data = .init() }, "missing X509-SVID parameters"),
                (
                    .with {
                        $0.params.data = .init(); $0.params.params = .init()
                    }, "missing CSR"
                ),
                (
                    .with {
                        $0.params.data = .init(); $0.params.params.csr = Data([1])
                    }, "missing attestation data type"
                ),
                (
                    .with {
                        $0.params.data.type = "join_token"; $0.params.params.csr = Data([1])
                    },
                    "missing attestation data payload"
                ),
            ]
            try await plane.remote(as: nil) { client async throws in
                for (request, message) in cases {
                    let refused = try await refusal {
                        try await client.converse(
                            AgentMethods.attestAgent, requests: { try await $0.write(request) }
                        ) { for try await _ in $0 {} }
                    }
                    #expect(refused == Refusal(.invalidArgument, "malformed param: \(message)"))
                }
            }
        }
    }

    @Test("an alias becomes an entry of the agent when the token is used, not before")
    func alias() async throws {
        try await withControlPlane { plane async throws in
            let token = try await plane.makeToken(alias: "/nodes/one")
            let before = try await plane.local { try await $0.call(EntryMethods.listEntries, .init()) }
            #expect(before.entries.isEmpty)
            let agent = try await plane.attest(token: token)
            try await plane.createEntry(makeEntry("/web", parent: "/nodes/one"))
            let authorized = try await plane.remote(as: agent) {
                try await $0.call(EntryMethods.getAuthorizedEntries, .init())
            }
            #expect(Set(authorized.entries.map(\.spiffeID.path)) == ["/nodes/one", "/web"])
            let alias = try #require(authorized.entries.first { $0.spiffeID.path == "/nodes/one" })
            #expect(alias.parentID == .init(agent.id))
            #expect(alias.selectors.map { "\($0.type):\($0.value)" } == ["spiffe_id:\(agent.id)"])
        }
    }

    @Test("an evicted agent takes the alias of its token with it")
    func evictionRemovesAlias() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent(alias: "/nodes/one")
            try await plane.local { client async throws in
                _ = try await client.call(AgentMethods.deleteAgent, .with { $0.id = .init(agent.id) })
                #expect(try await client.call(EntryMethods.countEntries, .init()).count == 0)
            }
        }
    }

    @Test("a banned agent cannot attest again, also with a new token of the same value")
    func bannedStaysOut() async throws {
        try await withControlPlane { plane async throws in
            let agent = try await plane.newAgent()
            let token = String(agent.id.path.split(separator: "/").last ?? "")
            try await plane.local { client async throws in
                _ = try await client.call(AgentMethods.banAgent, .with { $0.id = .init(agent.id) })
                _ = try await client.call(
                    AgentMethods.createJoinToken,
                    .with {
                        $0.ttl = 60; $0.token = token
                    })
            }
            #expect(
                try await self.attestation(of: plane, token: token, csr: makeCSR())
                    == Refusal(.permissionDenied, "failed to attest: agent is banned"))
        }
    }

    @Test("join tokens never reach the log while they can be used")
    func tokensStayOutOfTheLog() async throws {
        try await withControlPlane { plane async throws in
            let unused = try await plane.makeToken(alias: "/nodes/one")
            #expect(try await self.attestation(of: plane, token: "guess-of-a-token", csr: makeCSR()) == Self.unknown)
            #expect(!plane.log.text.isEmpty)
            #expect(!plane.log.text.contains(unused))
            #expect(!plane.log.text.contains("guess-of-a-token"))
        }
    }
}
