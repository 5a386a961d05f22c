import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import IdentityAgent
import Rotation
import SPIFFE
import TestSupport
import Testing
import WorkloadAPIProtos

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
            (.agentNotActive, .notActive), (.agentMustReattest, .mustReattest),
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

    /// Runs an agent that has an identity on disk and an unused token, until it has attested again with it.
    private func reattesting(
        script: @escaping @Sendable (inout ScriptedControlPlane.Script) -> Void = { _ in },
        losing lose: @escaping @Sendable (RunningAgent, ScriptedControlPlane) async throws -> Void = { _, _ in },
        _ check: @escaping @Sendable (RunningAgent, ScriptedControlPlane) async throws -> Void
    ) async throws {
        let plane = try ScriptedControlPlane(instants: .system)
        plane.script { $0.joinTokens.insert("token-2") }
        plane.script(script)
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            try await withAgent(of: plane, port: port, in: directory) { agent in
                await agent.waitUntilServing()
                await plane.waitForCalls("PostStatus", 1)
            }
            // The second run starts with its identity on disk, and keeps the token.
            try await withAgent(of: plane, port: port, in: directory) {
                $0.joinToken = "token-2"
            } _: { agent async throws in
                await agent.waitUntilServing()
                await plane.waitForCalls("PostStatus", 2)
                try await lose(agent, plane)
                plane.script { $0.denial = .agentNotAttested }
                await plane.waitForCalls("AttestAgent", 2)
                try await check(agent, plane)
            }
        }
        #expect(plane.count("AttestAgent") == 2)
    }

    @Test("an agent with an unused token attests again, and begins anew under its new SPIFFE ID")
    func reattests() async throws {
        try await self.reattesting { _, plane async throws in
            let first = plane.calls.values.first { $0.method == "WatchAuthorizedEntries" }
            #expect(first?.agentSerial != nil)
            await plane.waitForCall { $0.method == "PostStatus" && $0.agentSerial != first?.agentSerial }
            await plane.waitForCall {
                $0.method == "WatchAuthorizedEntries" && $0.agentSerial != first?.agentSerial
            }
            let last = plane.calls.values.last { $0.method == "WatchAuthorizedEntries" }
            #expect(last?.agentSerial != first?.agentSerial)
            #expect(last?.detail == "/0")
        }
    }

    @Test("an agent that attests again and is authorised for nothing serves nothing of the old one's")
    func reattestsPolling() async throws {
        try await self.reattesting {
            $0.pushes = false
            $0.entries = [.entry("a", "/a")]
        } losing: { _, plane in
            plane.script { $0.entries = [] }
        } _: { agent, _ async throws in
            while true {
                do {
                    _ = try await agent.first(WorkloadAPIMethods.fetchX509SVID)
                } catch let error as RPCError {
                    // Until the agent has attested again, the server denies it the SVID.
                    if error.code == .unavailable { continue }
                    #expect(error.code == .permissionDenied)
                    return
                }
            }
        }
    }

    @Test("an agent whose bundle does not know the server any more attests again by the configured one")
    func reattestsByConfiguredBundle() async throws {
        let other = try TestAuthority(trustDomain: "example.org", now: Date()).bundle
        try await self.reattesting {
            $0.entries = [.entry("a", "/a")]
        } losing: { agent, plane async throws in
            plane.script {
                $0.sequence += 1
                $0.bundle = other
            }
            while true {
                let bundles = try await agent.first(WorkloadAPIMethods.fetchX509Bundles)
                if bundles.bundles["spiffe://example.org"] == Data(other.x509AuthoritiesDER()) { return }
            }
        } _: { _, plane async throws in
            let first = plane.calls.values.first { $0.method == "WatchAuthorizedEntries" }
            await plane.waitForCall {
                $0.method == "WatchAuthorizedEntries" && $0.agentSerial != first?.agentSerial
            }
        }
    }

    @Test("that the server finds an identity expired ends no agent by whose clock it is not")
    func foundExpired() async throws {
        try await withServingAgent { agent, plane async throws in
            plane.script { $0.denial = .agentExpired }
            while !agent.log.entries.contains(where: { "\($0.message)".contains("by the agent's clock it is not") }) {
                try Task.checkCancellation()
                await Task.yield()
            }
            plane.script { $0.denial = nil }
            plane.register(.entry("a", "/a"))
            await plane.waitForCalls("BatchNewX509SVID", 1)
        }
    }

    @Test("an identity is renewed at half of its life, up to a tenth sooner or later, with another certificate")
    func renewal() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.agentLifetime = .seconds(1_000) }
        ) { agent, plane async throws in
            let serving = plane.calls.values.first { $0.method == "WatchAuthorizedEntries" }?.agentSerial
            // The backstop comes before.
            try await time.waitForSleepers(2)
            let begin = time.now
            while plane.count("RenewAgent") == 0 {
                let asked = plane.count("GetBundle")
                let next = try #require(time.nextDeadline)
                time.advance(to: next)
                // Whatever was due has been done.
                while plane.count("GetBundle") == asked, plane.count("RenewAgent") == 0 { await Task.yield() }
                try await time.waitForSleepers(2)
            }
            #expect((400...600).contains(time.now.timeIntervalSince(begin)))
            await plane.waitForCalls("WatchAuthorizedEntries", 2)
            let renewals = plane.calls.values.filter { $0.method == "RenewAgent" }
            #expect(renewals.map(\.agentSerial) == [serving])
            let last = plane.calls.values.last { $0.method == "WatchAuthorizedEntries" }
            #expect(last?.agentSerial != serving)
            // The new connection goes on where the old one was.
            #expect(last?.detail == "epoch-1/1")
        }
    }

    @Test("when the authority of an identity is tainted, agent and workloads get others at once, and only once")
    func tainted() async throws {
        let time = ManualInstants()
        try await withServingAgent(
            instants: time.instants, script: { $0.entries = [.entry("a", "/a")] }
        ) { agent, plane async throws in
            try await agent.watchingX509SVIDs { stream async throws in
                let first = try await stream.next()
                plane.script {
                    $0.sequence += 1
                    $0.isTainted = true
                    $0.bundle = TrustBundle(
                        trustDomain: plane.authority.trustDomain, x509Authorities: [plane.authority.certificate],
                        sequenceNumber: 2)
                }
                _ = try await stream.next { $0.svids.first?.x509Svid != first.svids.first?.x509Svid }
                await plane.waitForCalls("RenewAgent", 1)
                await plane.waitForCalls("WatchAuthorizedEntries", 2)
            }
            // The authority is still the tainted one: no time has passed, so nothing is asked again.
            #expect(plane.count("RenewAgent") == 1)
            #expect(plane.count("BatchNewX509SVID") == 2)
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
