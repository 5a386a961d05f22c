import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import IdentityAgent
import Rotation
import SPIFFE
import TestSupport
import Testing

@Suite("Renewal and loss of the agent's identity", .timeLimit(.minutes(1)))
struct IdentityLossTests {
    /// The end of an agent after something happened to it while it served.
    private func end(
        in directory: TemporaryDirectory,
        configure: @escaping @Sendable (inout IdentityAgentConfiguration) -> Void = { _ in },
        _ happening: @escaping @Sendable (ScriptedControlPlane) async throws -> Void
    ) async throws -> AgentError? {
        let plane = try ScriptedControlPlane(instants: .system)
        return try await plane.running { port in
            await #expect(throws: AgentError.self) {
                try await withAgent(of: plane, port: port, in: directory, configure: configure) { agent async throws in
                    await agent.waitUntilServing()
                    try await happening(plane)
                    try await Self.untilCancelled()
                }
            }
        }
    }

    private static func untilCancelled() async throws {
        for await _ in AsyncStream<Void>.makeStream().stream {}
        throw CancellationError()
    }

    @Test("a banned agent deletes its identity and stops")
    func banned() async throws {
        let directory = try TemporaryDirectory()
        let error = try await self.end(in: directory) { plane in plane.script { $0.denial = .agentBanned } }
        guard case .banned = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!(try directory.names().contains("agent-keys.json")))
    }

    @Test(
        "an agent that the server does not accept any more, and that has no token left, stops and says what to do",
        arguments: [
            (ScriptedControlPlane.Denial.agentNotAttested, AgentDenial.notAttested),
            (.agentExpired, .expired), (.agentNotActive, .notActive), (.agentMustReattest, .mustReattest),
        ])
    func mustReattest(reason: ScriptedControlPlane.Denial, denial: AgentDenial) async throws {
        let directory = try TemporaryDirectory()
        let error = try await self.end(in: directory) { plane in plane.script { $0.denial = reason } }
        guard case .mustReattest(let id, denial) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(id.uri == "spiffe://example.org/spire/agent/join_token/token-1")
        #expect("\(try #require(error))".contains("signet token generate"))
        #expect(try directory.names().contains("agent-keys.json"))
    }

    @Test("an agent with an unused token attests again when the server does not know it any more")
    func reattests() async throws {
        let plane = try ScriptedControlPlane(instants: .system)
        plane.script { $0.joinTokens.insert("token-2") }
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            try await withAgent(of: plane, port: port, in: directory) { agent in await agent.waitUntilServing() }
            // The second run starts with its identity on disk, and keeps the token.
            try await withAgent(of: plane, port: port, in: directory) {
                $0.joinToken = "token-2"
            } _: { agent async throws in
                await agent.waitUntilServing()
                let before = plane.count("WatchAuthorizedEntries")
                plane.script { $0.denial = .agentNotAttested }
                await plane.waitForCalls("AttestAgent", 2)
                plane.script { $0.denial = nil }
                await plane.waitForCalls("WatchAuthorizedEntries", before + 1)
            }
        }
        #expect(plane.count("AttestAgent") == 2)
    }

    @Test("an identity is renewed at half of its life, up to a tenth sooner or later, with another certificate")
    func renewal() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.agentLifetime = .seconds(1_000) }
        ) { agent, plane async throws in
            let serving = plane.calls.values.first { $0.method == "WatchAuthorizedEntries" }?.agentSerial
            time.advance(by: .seconds(399))
            #expect(plane.count("RenewAgent") == 0)
            time.advance(by: .seconds(202))
            await plane.waitForCalls("WatchAuthorizedEntries", 2)
            let renewals = plane.calls.values.filter { $0.method == "RenewAgent" }
            #expect(renewals.map(\.agentSerial) == [serving])
            let last = plane.calls.values.last { $0.method == "WatchAuthorizedEntries" }
            #expect(last?.agentSerial != serving)
            // The new connection goes on where the old one was.
            #expect(last?.detail == "epoch-1/1")
        }
    }

    @Test("an identity that expires before it can be renewed stops the agent")
    func expires() async throws {
        let time = ManualInstants()
        let plane = try ScriptedControlPlane(instants: time.instants)
        plane.script { $0.agentLifetime = .seconds(1_000) }
        let directory = try TemporaryDirectory()
        let error = try await plane.running { port in
            await #expect(throws: AgentError.self) {
                try await withAgent(
                    of: plane, port: port, in: directory, instants: time.instants
                ) { agent async throws in
                    await agent.waitUntilServing()
                    plane.script { $0.isAway = true }
                    time.advance(by: .seconds(1_001))
                    try await Self.untilCancelled()
                }
            }
        }
        guard case .identityExpired = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
