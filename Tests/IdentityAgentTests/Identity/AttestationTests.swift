import FoundationEssentials
import GRPCCore
import IdentityAgent
import Logging
import Rotation
import SPIFFE
import TestSupport
import Testing

@Suite("Attestation and start of the agent", .timeLimit(.minutes(1)))
struct AttestationTests {
    /// Runs an agent that is expected not to start.
    private func failure(
        of plane: ScriptedControlPlane, in directory: TemporaryDirectory,
        configure: @escaping @Sendable (inout IdentityAgentConfiguration) -> Void = { _ in }
    ) async throws -> AgentError? {
        try await plane.running { port in
            let (agent, _, _) = try makeAgent(of: plane, port: port, in: directory, configure: configure)
            return await #expect(throws: AgentError.self) { try await agent.run() }
        }
    }

    @Test("an agent attests with its join token, and tells its version")
    func joinToken() async throws {
        try await withServingAgent { _, plane async throws in
            await plane.waitForCalls("PostStatus", 1)
            #expect(plane.count("AttestAgent") == 1)
            #expect(plane.calls.values.first { $0.method == "PostStatus" }?.detail == "1.2.3")
        }
    }

    @Test("the Workload API's socket appears only after attestation and the first synchronization")
    func socketAppears() async throws {
        let plane = try ScriptedControlPlane(instants: .system)
        let directory = try TemporaryDirectory()
        plane.script { $0.isAway = true }
        try await plane.running { port in
            try await withAgent(of: plane, port: port, in: directory) { agent async throws in
                await plane.waitForCalls("WatchAuthorizedEntries", 2)
                #expect(try directory.names() == ["agent-data.json", "agent-keys.json"])
                plane.script { $0.isAway = false }
                await agent.waitUntilServing()
                #expect(try directory.mode(of: "workload/api.sock") == 0o777)
                #expect(try directory.mode(of: "workload") == 0o755)
            }
        }
    }

    @Test("a refused token stops the agent with an error that says what to do")
    func refusedToken() async throws {
        let error = try await self.failure(
            of: try ScriptedControlPlane(instants: .system), in: try TemporaryDirectory()
        ) {
            $0.joinToken = "used-before"
        }
        guard case .attestationRefused(.invalidArgument, let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(message == "failed to attest: join token does not exist or has already been used")
        #expect("\(try #require(error))".contains("signet token generate"))
    }

    @Test(
        "a server that fails at attesting is tried again: the token may still be good",
        arguments: [RPCError.Code.internalError, .unknown, .unavailable])
    func failingServer(code: RPCError.Code) async throws {
        try await withServingAgent(script: { $0.attestationErrors = [code] }) { _, plane async throws in
            #expect(plane.count("AttestAgent") == 2)
        }
    }

    @Test("an agent whose clock is a minute behind the server's attests all the same")
    func clockBehind() async throws {
        let plane = try ScriptedControlPlane(
            instants: Instants(
                now: { Date().addingTimeInterval(60) },
                sleepUntil: { try await Instants.system.sleep(until: $0.addingTimeInterval(-60)) }))
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            try await withAgent(of: plane, port: port, in: directory) { agent async throws in
                await agent.waitUntilServing()
            }
        }
        #expect(plane.count("AttestAgent") == 1)
    }

    @Test("without identity and token the agent does not start")
    func noToken() async throws {
        let error = try await self.failure(
            of: try ScriptedControlPlane(instants: .system), in: try TemporaryDirectory()
        ) {
            $0.joinToken = nil
        }
        guard case .noIdentity = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("without a trust bundle the agent does not start")
    func noBundle() async throws {
        let error = try await self.failure(
            of: try ScriptedControlPlane(instants: .system), in: try TemporaryDirectory()
        ) {
            $0.bootstrap = .identityOnDisk
        }
        guard case .noTrustBundle = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("an agent told to bootstrap insecurely takes the bundle of whoever answers, and keeps to it")
    func insecureBootstrap() async throws {
        try await withServingAgent(configure: { $0.bootstrap = .insecure }) { agent, plane async throws in
            #expect(plane.calls.values.first?.method == "GetBundle")
            #expect(plane.calls.values.first?.agentSerial == nil)
            #expect(agent.log.entries.contains { $0.level == .warning && $0.message.contains("insecure_bootstrap") })
            let store = AgentDataStore(
                directory: agent.configuration.dataDirectory, trustDomain: plane.authority.trustDomain)
            #expect(try await store.load()?.bundle.x509Authorities == [plane.authority.certificate])
        }
    }

    @Test("a server that the bundle does not know is not talked to")
    func untrustedServer() async throws {
        let plane = try ScriptedControlPlane(instants: .system)
        let other = try TestAuthority(trustDomain: "example.org", now: Date())
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            let (agent, _, log) = try makeAgent(of: plane, port: port, in: directory) {
                $0.bootstrap = .bundle(other.bundle)
            }
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await agent.run() }
                while !log.entries.contains(where: { "\($0.message)" == "the agent was not attested" }) {
                    await Task.yield()
                }
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.waitForAll() }
            }
            #expect(plane.calls.values.isEmpty)
        }
    }

    @Test("a restarted agent keeps its identity and does not use a token")
    func restart() async throws {
        let plane = try ScriptedControlPlane(instants: .system)
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            for run in 1...2 {
                try await withAgent(of: plane, port: port, in: directory) {
                    // A valid identity wins over a token, used or not.
                    $0.joinToken = run == 1 ? "token-1" : "never-issued"
                } _: { agent async throws in
                    await agent.waitUntilServing()
                }
            }
        }
        #expect(plane.count("AttestAgent") == 1)
        #expect(Set(plane.calls.values.filter { $0.method == "WatchAuthorizedEntries" }.map(\.agentSerial)).count == 1)
    }

    @Test("an expired identity on disk is replaced with a token")
    func expiredWithToken() async throws {
        try await self.restartAfterExpiry(token: "token-2") { plane, result in
            #expect(result == nil)
            #expect(plane.count("AttestAgent") == 2)
        }
    }

    @Test("an expired identity on disk without a token stops the agent")
    func expiredWithoutToken() async throws {
        try await self.restartAfterExpiry(token: nil) { plane, result in
            guard case .identityExpired(let id, _) = result else {
                Issue.record("\(String(describing: result))")
                return
            }
            #expect(id.uri == "spiffe://example.org/spire/agent/join_token/token-1")
            #expect(plane.count("AttestAgent") == 1)
        }
    }

    private func restartAfterExpiry(
        token: String?, _ check: @escaping @Sendable (ScriptedControlPlane, AgentError?) throws -> Void
    ) async throws {
        let time = ManualInstants()
        let plane = try ScriptedControlPlane(instants: time.instants)
        plane.script { $0.joinTokens.insert("token-2") }
        let directory = try TemporaryDirectory()
        try await plane.running { port in
            try await withAgent(of: plane, port: port, in: directory, instants: time.instants) { agent async throws in
                await agent.waitUntilServing()
            }
            time.advance(by: .seconds(3_601))
            do {
                try await withAgent(of: plane, port: port, in: directory, instants: time.instants) {
                    $0.joinToken = token
                } _: { agent async throws in
                    await agent.waitUntilServing()
                }
                try check(plane, nil)
            } catch let error as AgentError {
                try check(plane, error)
            }
        }
    }
}
