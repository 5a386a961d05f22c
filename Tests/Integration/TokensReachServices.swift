import Foundation
import TestSupport
import Testing

@Suite("Scenario: services demand access tokens", .timeLimit(.minutes(5)))
struct TokensReachServices {
    /// Without a C compiler there is no clock to set.
    private static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    private struct Running {
        let services: TokenServices
        let server: RunningProgram
        let agent: RunningProgram
        let payments: RunningProgram
        let port: String
    }

    /// Everything up, with these callers.
    private func start(
        callers: [String], environment: [String: String] = [:], server options: [String: String] = [:]
    ) async throws -> Running {
        let deployment = try Deployment(
            server: options.merging(["oauth": TokenServices.oauth]) { $1 }, environment: environment)
        let services = TokenServices(deployment: deployment, environment: environment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await services.registerPayments(callers: callers)
        let (payments, port) = try await services.startPayments(callers: callers)
        return Running(services: services, server: server, agent: agent, payments: payments, port: port)
    }

    private func stop(_ running: Running) async {
        #expect(await running.payments.stop() == 0)
        #expect(await running.agent.stop() == 0)
        #expect(await running.server.stop() == 0)
    }

    @Test("a revoked token is refused within two seconds, with its reason, and another caller's is not")
    func revocation() async throws {
        let running = try await self.start(callers: ["orders", "refunds"])
        let services = running.services
        let orders = try services.call(
            "orders", port: running.port, ["--until", "--expect", "401", "--scope", "payments:create"])
        let refunds = try services.call("refunds", port: running.port, ["--duration", "5"])
        let accepted = try await running.payments.line(containing: "/orders accepted jti ")
        let tokenID = try #require(accepted.firstMatch(of: #/ jti ([^ ]+)/#)?.output.1)
        try await services.deployment.signet("revoke", "--jti", String(tokenID), "--reason", "test")
        let revoked = ContinuousClock.now
        let refusal = try await orders.line(containing: ": 401")
        #expect(revoked.duration(to: .now) < .seconds(2))
        #expect(refusal.contains("error=\"invalid_token\", error_description=\"revoked\""))
        #expect(await orders.waitForEnd() == 0)
        let summary = try await AnswerSummary(of: refunds)
        #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")
        #expect(await refunds.waitForEnd() == 0)
        await self.stop(running)
    }

    @Test("one of many services is revoked: its connections end, and no other sees an error")
    func compromise() async throws {
        let count = Thoroughness.isHigh ? 46 : 8
        let others = (1...count).map { "service-\($0)" }
        let running = try await self.start(callers: ["stolen"] + others)
        let services = running.services
        let stolen = try services.call("stolen", port: running.port, ["--until", "--expect", "0", "--rate", "20"])
        let callers = try others.map {
            try services.call($0, port: running.port, ["--duration", "10", "--rate", "5"])
        }
        _ = try await stolen.line(containing: ": 200")
        for caller in callers { _ = try await caller.line(containing: ": 200") }
        try await services.deployment.signet("revoke", "--spiffe-id", services.deployment.id("/stolen"))
        let revoked = ContinuousClock.now
        _ = try await stolen.line(containing: "no answer")
        #expect(revoked.duration(to: .now) < .seconds(2))
        #expect(await stolen.waitForEnd() == 0)
        for caller in callers {
            let summary = try await AnswerSummary(of: caller)
            #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")
        }
        // New connections of the one that was revoked fail as well.
        let again = try services.call("stolen", port: running.port, ["--expect", "0"], log: "again")
        #expect(await again.waitForEnd() == 0)
        await self.stop(running)
    }

    @Test(
        "the server is away: tokens serve until they expire where the route allows it, and everything returns with it",
        .enabled(if: Self.compiler != nil, "there is no C compiler"))
    func serverAway() async throws {
        let clock = try await SetClock(compiler: Self.compiler ?? "cc")
        let running = try await self.start(
            callers: ["orders"], environment: clock.environment, server: ["agent_ttl": "4h"])
        let services = running.services
        let port = running.port
        func answer(_ status: String, _ arguments: String...) async throws -> String {
            let caller = try services.call("orders", port: port, ["--expect", status] + arguments, log: "call")
            let line = try await caller.line(containing: "orders: ")
            #expect(await caller.waitForEnd() == 0, "\(line)")
            return line
        }
        let leaked = services.deployment.directory.path("leaked")
        _ = try await answer("200", "--method", "GET", "--leak-token", leaked)
        _ = try await answer("200")
        #expect(await running.server.stop() == 0)

        // Five minutes later the closed route refuses for what it cannot know; the open one takes the agent's token.
        try clock.set(300)
        #expect(try await answer("503").contains("state_too_old"))
        _ = try await answer("200", "--method", "GET")
        // A second beyond fifteen minutes the token is refused for itself, and the agent has no other.
        try clock.set(901)
        #expect(
            try await answer("401", "--method", "GET", "--token-file", leaked)
                .contains("error_description=\"expired\""))
        #expect(try await answer("0", "--method", "GET").contains("no answer"))

        let server = try await services.deployment.startServer()
        let back = try services.call("orders", port: port, ["--until"], log: "back")
        #expect(await back.waitForEnd() == 0, "\(back.log)")
        #expect(await running.payments.stop() == 0)
        #expect(await running.agent.stop() == 0)
        #expect(await server.stop() == 0)
    }
}

/// The wall clock of the programs that are started with ``environment``, which the test sets.
private struct SetClock {
    private let folder: TemporaryDirectory
    private let path: String
    let environment: [String: String]

    init(compiler: String) async throws {
        self.folder = try TemporaryDirectory()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.folder.path)
        let library = self.folder.path("shift.so")
        let compiled = try await runProcess(
            compiler, ["-O2", "-shared", "-fPIC", "-o", library, "\(Programs.root)/Tests/Interop/clock/shift.c"])
        guard compiled.status == 0 else { throw Deployment.Failure(description: compiled.errorText) }
        self.path = try self.folder.write([0, 0, 0, 0, 0, 0, 0, 0], to: "shift")
        self.environment = ["LD_PRELOAD": library, "CLOCK_SHIFT_FILE": self.path]
    }

    /// Sets the clock this many seconds ahead of that of the machine.
    func set(_ seconds: Int64) throws {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> ($0 * 8)) }
        // In place: the programs have the file in memory.
        let file = try FileHandle(forWritingTo: URL(filePath: self.path))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }
}
