import FoundationEssentials
import GRPCCore
import IdentityAgent
import JOSE
import ProtoRPC
import Rotation
import SPIFFE
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("FetchWITSVID and FetchWITBundles", .timeLimit(.minutes(1)))
struct WITSVIDTests {
    private static func withAgent(
        instants: Instants = .system, script: @escaping @Sendable (inout ScriptedControlPlane.Script) -> Void,
        _ body: @escaping @Sendable (RunningAgent, ScriptedControlPlane) async throws -> Void
    ) async throws {
        try await withServingAgent(
            instants: instants, script: script, configure: { $0.servesWIT = true }
        ) { agent, plane async throws in
            let bundle = plane.authority.bundleWithWIT
            plane.script { script in
                script.bundle = bundle
                script.sequence += 1
            }
            try await body(agent, plane)
        }
    }

    private static func watching(
        _ agent: RunningAgent,
        _ body: @escaping @Sendable (inout MessageReader<WITSVIDResponse>) async throws -> Void
    ) async throws {
        try await agent.client.stream(
            WorkloadAPIMethods.fetchWITSVID, WITSVIDRequest(), metadata: RunningAgent.header
        ) { responses in
            var reader = MessageReader(responses)
            try await body(&reader)
        }
    }

    @Test("WAPI-69: a caller gets a token and the private JWK of its cnf, made by the agent")
    func fetch() async throws {
        try await Self.withAgent(
            script: { $0.entries = [.entry("a", "/web", hint: "internal")] }
        ) { agent, plane async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            let message = try #require(response.svids.first)
            #expect(response.svids.count == 1)
            #expect(message.spiffeID == "spiffe://example.org/web")
            #expect(message.hint == "internal")
            let svid = try SPIFFE.WITSVID(
                receivedFromWorkloadAPI: message.witSvid, privateKeyJWK: message.witSvidKey)
            let scope = try WorkloadProofScope(target: "https://a/b")
            let presentation = try svid.presentation(for: scope, now: Date())
            let verified = try VerifiedWITSVID.validate(
                presentation.identityToken, proof: presentation.proofToken, for: scope,
                bundles: TrustBundles([plane.authority.bundleWithWIT]), now: Date())
            #expect(verified.id.uri == "spiffe://example.org/web")
            #expect(verified.confirmation.algorithm == .es256)
        }
    }

    @Test("WAPI-57, WAPI-70: every identity is in the response, that of the oldest entry first, each with its own key")
    func order() async throws {
        try await Self.withAgent(script: {
            $0.entries = [
                .entry("a", "/newer", createdAt: 1_700_000_100), .entry("b", "/older"),
            ]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/older", "spiffe://example.org/newer"])
            #expect(Set(response.svids.map(\.witSvidKey)).count == 2)
        }
    }

    @Test("WAPI-57, WAPI-61: a SPIFFE ID narrows the answer, and one that is not the caller's is denied")
    func wantedID() async throws {
        try await Self.withAgent(
            script: { $0.entries = [.entry("a", "/a"), .entry("b", "/b")] }
        ) { agent, _ async throws in
            let response = try await agent.first(
                WorkloadAPIMethods.fetchWITSVID, .with { $0.spiffeID = "spiffe://example.org/b" })
            #expect(response.svids.map(\.spiffeID) == ["spiffe://example.org/b"])
            for (id, code) in [("spiffe://example.org/c", RPCError.Code.permissionDenied), ("x", .invalidArgument)] {
                let error = await #expect(throws: RPCError.self) {
                    try await agent.first(WorkloadAPIMethods.fetchWITSVID, .with { $0.spiffeID = id })
                }
                #expect(error?.code == code)
            }
        }
    }

    @Test("WAPI-58, WAPI-61, WAPI-66: a process that nobody registered is denied both")
    func unregistered() async throws {
        try await Self.withAgent(
            script: { $0.entries = [.entry("a", "/web", selectors: ["uid:54321"])] }
        ) { agent, _ async throws in
            let svid = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            }
            let bundles = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchWITBundles)
            }
            #expect(svid?.code == .permissionDenied)
            #expect(bundles?.code == .permissionDenied)
        }
    }

    @Test("WAPI-59: of identities with the same hint only that of the oldest entry is sent")
    func hints() async throws {
        try await Self.withAgent(script: {
            $0.entries = [
                .entry("a", "/foo", hint: "internal"), .entry("b", "/baz", hint: "internal"), .entry("c", "/e1"),
                .entry("d", "/e2"),
            ]
        }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            #expect(response.svids.map(\.hint) == ["internal", "", ""])
        }
    }

    @Test("WIT-18, WIT-40: two callers of one entry get the same token, and the server is asked once")
    func shared() async throws {
        try await Self.withAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            try await Self.watching(agent) { stream async throws in
                let first = try await stream.next()
                let second = try await agent.first(WorkloadAPIMethods.fetchWITSVID)
                #expect(first == second)
                #expect(plane.count("BatchNewWITSVID") == 1)
            }
        }
    }

    @Test("nothing is asked for that nobody has asked for")
    func onDemand() async throws {
        try await Self.withAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            _ = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            #expect(plane.count("BatchNewWITSVID") == 0)
        }
    }

    @Test("WAPI-63: when an entry goes its token is not sent any more, and the last one ends the stream")
    func withdrawn() async throws {
        try await Self.withAgent(
            script: { $0.entries = [.entry("a", "/a"), .entry("b", "/b")] }
        ) { agent, plane async throws in
            try await Self.watching(agent) { stream async throws in
                #expect(try await stream.next().svids.count == 2)
                plane.remove("a")
                let next = try await stream.next(where: { $0.svids.count == 1 })
                #expect(next.svids.map(\.spiffeID) == ["spiffe://example.org/b"])
                plane.remove("b")
                let error = await #expect(throws: RPCError.self) { _ = try await stream.next() }
                #expect(error?.code == .permissionDenied)
            }
        }
    }

    @Test("a token is replaced in the half of its life, with a new key")
    func renewal() async throws {
        let time = ManualInstants()
        try await Self.withAgent(
            instants: time.instants,
            script: {
                $0.entries = [.entry("a", "/a")]
                // The agent's own identity, and its connection with it, is not what is replaced here.
                $0.agentLifetime = .seconds(86_400)
            }
        ) { agent, _ async throws in
            try await Self.watching(agent) { stream async throws in
                let first = try await stream.next()
                // The backstop, renewal, and issuance of either kind, by moment and by duration.
                try await time.waitForSleepers(6)
                time.advance(by: .seconds(2_200))
                let second = try await stream.next(where: { $0 != first })
                #expect(second.svids.map(\.witSvidKey) != first.svids.map(\.witSvidKey))
            }
        }
    }

    @Test("a server that issues none makes the method UNAVAILABLE, with the reason")
    func serverWithout() async throws {
        try await Self.withAgent(
            script: {
                $0.entries = [.entry("a", "/a")]
                $0.witError = .unimplemented
            }
        ) { agent, _ async throws in
            let error = await #expect(throws: RPCError.self) {
                try await agent.first(WorkloadAPIMethods.fetchWITSVID)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message == "could not issue a WIT-SVID: no batch")
            #expect(try await agent.first(WorkloadAPIMethods.fetchX509SVID).svids.count == 1)
        }
    }

    @Test("WAPI-56, WAPI-65: the bundles are JWK Sets as text, with WIT keys only, the own trust domain among them")
    func bundles() async throws {
        try await Self.withAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, plane async throws in
            let found = try await agent.client.stream(
                WorkloadAPIMethods.fetchWITBundles, WITBundlesRequest(), metadata: RunningAgent.header
            ) { responses in
                var reader = MessageReader(responses)
                return try await reader.next(where: { $0.bundles.values.contains { $0.contains("wit-1") } })
            }
            #expect(Array(found.bundles.keys) == ["spiffe://example.org"])
            let document = try #require(found.bundles["spiffe://example.org"])
            let read = try TrustBundle(
                parsingWITKeySet: Array(document.utf8), trustDomain: TrustDomain(parsing: "example.org"))
            #expect(read.witAuthorities == [plane.authority.tokens.witAuthority])
            #expect(read.skipped.isEmpty)
        }
    }

    @Test("WAPI-44: the JWT bundles have no WIT keys")
    func jwtBundles() async throws {
        try await Self.withAgent(script: { $0.entries = [.entry("a", "/a")] }) { agent, _ async throws in
            let response = try await agent.first(WorkloadAPIMethods.fetchJWTBundles)
            let document = try #require(response.bundles["spiffe://example.org"])
            let read = try TrustBundle(
                parsingJWTKeySet: Array(document), trustDomain: TrustDomain(parsing: "example.org"))
            #expect(read.jwtAuthorities.count == 1)
            #expect(read.skipped.isEmpty)
        }
    }
}
