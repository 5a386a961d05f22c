import ControlPlaneProtos
import Crypto
import FoundationEssentials
import GRPCCore
import JOSE
import ProtoRPC
import SwiftProtobuf
import TestSupport
import Testing
import WorkloadAPIProtos

@Suite("Access tokens that the agent holds", .timeLimit(.minutes(1)))
struct AccessTokenLifeTests {
    private static let keySet: [UInt8] = {
        let entries = ["at-1", "at-2"].map { keyID in
            JSONWebKey(publicKey: PublicKey(P256.Signing.PrivateKey().publicKey), use: "sig", keyID: keyID)
        }
        return JSON.serialize(["keys": .array(entries.map { .object($0.object()) })])
    }()

    private static func state(
        full: Bool = false, sequence: UInt64 = 1, _ revoke: (inout Signet_Agent_V1_Revocation) -> Void = { _ in }
    ) -> Signet_Agent_V1_TokenState {
        .with { state in
            state.issuer = "https://issuer.example.org"
            state.full = full
            state.epoch = "e"
            state.sequence = sequence
            if full {
                state.jwkSet = Data(Self.keySet)
                return
            }
            state.revocations = [
                .with {
                    $0.revokedAt = Int64(Date().timeIntervalSince1970)
                    $0.expiresAt = 4_000_000_000
                    revoke(&$0)
                }
            ]
        }
    }

    private static func script(_ script: inout ScriptedControlPlane.Script) {
        script.entries = [.entry("a", "/a")]
        script.issuesAccessTokens = true
        script.accessTokenKeyID = "at-1"
        script.tokenStates = [Self.state(full: true)]
    }

    private func token(_ agent: RunningAgent, _ audience: String = "payments") async throws -> String {
        try await agent.call(
            WorkloadAccessTokenMethods.fetchAccessToken, .with { $0.audience = audience }
        ).accessToken
    }

    /// Waits until the agent knows a state.
    private func known(_ sequence: UInt64, _ agent: RunningAgent) async throws {
        try await agent.client.stream(
            WorkloadAccessTokenMethods.watchTokenState, .init(), metadata: RunningAgent.header
        ) { messages in
            for try await message in messages where message.sequence == sequence { return }
        }
    }

    @Test("a token that is revoked is not given out any more, and another one is fetched once", arguments: [1, 2, 3])
    func revoked(_ kind: Int) async throws {
        try await withServingAgent(script: Self.script) { agent, plane async throws in
            let first = try await self.token(agent)
            let other = try await self.token(agent, "reports")
            #expect(try await self.token(agent) == first)
            plane.script {
                $0.tokenStates.append(
                    Self.state(sequence: 2) { revocation in
                        switch kind {
                        case 1: revocation.jti = "t-1"
                        case 2: revocation.kid = "at-1"
                        default: revocation.spiffeID = "spiffe://example.org/a"
                        }
                    })
                $0.accessTokenKeyID = "at-2"
                // As the server has it: what is issued from now on is younger than the revocation.
                $0.accessTokenIssuedAhead = 2
            }
            try await self.known(2, agent)
            let second = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 1...10 { group.addTask { try await self.token(agent) } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(second.count == 1)
            #expect(!second.contains(first))
            // Only what is named is given up.
            let isKept = try await self.token(agent, "reports") == other
            #expect(isKept == (kind == 1))
            #expect(plane.count("IssueAccessToken") == (kind == 1 ? 3 : 4))
        }
    }

    @Test("a hundred tokens of a key that is revoked are asked for within a second, each once and none at once")
    func spread() async throws {
        let time = ManualInstants()
        try await withServingAgent(instants: time.instants, script: Self.script) { agent, plane async throws in
            let audiences = (1...100).map { "service-\($0)" }
            for audience in audiences { _ = try await self.token(agent, audience) }
            plane.script {
                $0.tokenStates.append(Self.state(sequence: 2) { $0.kid = "at-1" })
                $0.accessTokenKeyID = "at-2"
            }
            try await self.known(2, agent)
            let others = time.sleeperCount
            try await withThrowingTaskGroup(of: Void.self) { group in
                for audience in audiences { group.addTask { _ = try await self.token(agent, audience) } }
                try await time.waitForSleepers(others + audiences.count)
                #expect(plane.count("IssueAccessToken") == 100)
                time.advance(by: .seconds(1))
                try await group.waitForAll()
            }
            #expect(plane.count("IssueAccessToken") == 200)
        }
    }

    @Test("when the one that replaces a revoked token is refused or not to be had, the revoked one is not served")
    func refusedReplacement() async throws {
        try await withServingAgent(script: Self.script) { agent, plane async throws in
            _ = try await self.token(agent)
            plane.script {
                $0.tokenStates.append(Self.state(sequence: 2) { $0.kid = "at-1" })
                $0.accessTokenError = .permissionDenied
            }
            try await self.known(2, agent)
            for _ in 1...2 {
                let error = await #expect(throws: RPCError.self) { try await self.token(agent) }
                #expect(error?.code == .permissionDenied)
            }
            plane.script { $0.accessTokenError = .unavailable }
            let away = await #expect(throws: RPCError.self) { try await self.token(agent) }
            #expect(away?.code == .unavailable)
        }
    }

    @Test("an agent that comes back names its position, and gets what it missed; one that was told rubbish begins anew")
    func resumed() async throws {
        try await withServingAgent(script: Self.script) { agent, plane async throws in
            try await self.known(1, agent)
            let first = try await self.token(agent)
            plane.script {
                $0.tokenStates.append(Self.state(sequence: 2) { $0.jti = "t-1" })
                $0.tokenStateBreaks += 1
            }
            try await self.known(2, agent)
            #expect(try await self.token(agent) != first)
            func asked() -> [String] { plane.calls.values.filter { $0.method == "WatchTokenState" }.map(\.detail) }
            #expect(asked() == [" 0", "e 1"])
            plane.script { script in
                var unusable = Self.state(sequence: 3)
                unusable.jwkSet = Data("{}".utf8)
                script.tokenStates.append(unusable)
            }
            await plane.waitForCalls("WatchTokenState", 3)
            #expect(asked().prefix(3) == [" 0", "e 1", " 0"])
            plane.script { $0.tokenStates = [Self.state(full: true, sequence: 4)] }
            try await self.known(4, agent)
        }
    }

    @Test(
        "a revocation of a moment that no clock shows is not taken: the state is asked for anew",
        arguments: [-1, 253_402_300_800, .max])
    func impossibleMoment(seconds: Int64) async throws {
        for path in [\Signet_Agent_V1_Revocation.revokedAt, \.expiresAt] {
            try await withServingAgent(script: Self.script) { agent, plane async throws in
                try await self.known(1, agent)
                plane.script { script in
                    script.tokenStates.append(
                        Self.state(sequence: 2) { revocation in
                            revocation.jti = "t-1"
                            revocation[keyPath: path] = seconds
                        })
                }
                await plane.waitForCalls("WatchTokenState", 2)
                plane.script { $0.tokenStates = [Self.state(full: true, sequence: 4)] }
                try await self.known(4, agent)
            }
        }
    }

    @Test("a server that issues tokens which it has revoked is asked at growing intervals")
    func revokedWhenIssued() async throws {
        try await withServingAgent(script: {
            Self.script(&$0)
            $0.tokenStates.append(Self.state(sequence: 2) { $0.kid = "at-1" })
        }) { agent, plane async throws in
            try await self.known(2, agent)
            for _ in 1...10 {
                let error = await #expect(throws: RPCError.self) { try await self.token(agent) }
                #expect(error?.code == .unavailable)
            }
            #expect(plane.count("IssueAccessToken") < 5)
        }
    }

    @Test("a server that does not answer holds up no workload that has a token, and is asked once")
    func hangingServer() async throws {
        let time = ManualInstants()
        try await withServingAgent(instants: time.instants, script: Self.script) { agent, plane async throws in
            let first = try await self.token(agent)
            plane.script { $0.holdsAccessTokens = true }
            time.advance(by: .seconds(511))
            for _ in 1...10 { #expect(try await self.token(agent) == first) }
            await plane.waitForCalls("IssueAccessToken", 2)
            #expect(plane.count("IssueAccessToken") == 2)
            plane.script { $0.holdsAccessTokens = false }
            while try await self.token(agent) == first { await Task.yield() }
            #expect(plane.count("IssueAccessToken") == 2)
        }
    }

    @Test("ten who wait for one request that fails are one failure: the server is asked again after a second")
    func oneFailure() async throws {
        let time = ManualInstants()
        try await withServingAgent(instants: time.instants, script: Self.script) { agent, plane async throws in
            // With its certificate there, all of them ask for the same.
            _ = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
            plane.script {
                $0.holdsAccessTokens = true
                $0.accessTokenError = .unavailable
            }
            await withTaskGroup(of: Void.self) { group in
                for _ in 1...10 {
                    group.addTask {
                        let error = await #expect(throws: RPCError.self) { try await self.token(agent) }
                        #expect(error?.code == .unavailable)
                    }
                }
                await plane.waitForCalls("IssueAccessToken", 1)
                // The others have come when one that asks for something else has gone all the way.
                for number in 1...10 {
                    group.addTask { _ = try? await self.token(agent, "other-\(number)") }
                }
                await plane.waitForCalls("IssueAccessToken", 11)
                plane.script { $0.holdsAccessTokens = false }
            }
            #expect(plane.count("IssueAccessToken") == 11)
            plane.script { $0.accessTokenError = nil }
            time.advance(by: .seconds(1))
            _ = try await self.token(agent)
        }
    }
}
