import Foundation
import TestSupport
import Testing

@Suite("Scenario: services demand access tokens", .timeLimit(.minutes(5)))
struct TokensReachServices {
    private struct Running {
        let services: TokenServices
        let server: RunningProgram
        let agent: RunningProgram
        let payments: RunningProgram
        let port: String
    }

    /// Everything up, with these callers.
    private func start(
        callers: [String], shortLived: Set<String> = [], environment: [String: String] = [:],
        server options: [String: String] = [:]
    ) async throws -> Running {
        let deployment = try Deployment(
            server: options.merging(["oauth": TokenServices.oauth]) { $1 }, environment: environment)
        let services = TokenServices(deployment: deployment, environment: environment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await services.registerPayments(callers: callers, shortLived: shortLived)
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

    @Test("one of 47 callers is revoked: its connections end, and none of the other 46 sees an error, then or later")
    func compromise() async throws {
        let others = (1...46).map { "service-\($0)" }
        let running = try await self.start(callers: ["stolen"] + others)
        let services = running.services
        // All of them call until they are told to stop.
        let stolen = try services.call("stolen", port: running.port, ["--until", "--expect", "0", "--duration", "240"])
        let callers = try others.map {
            try services.call($0, port: running.port, ["--duration", "240", "--rate", "2"])
        }
        _ = try await stolen.line(containing: ": 200")
        for caller in callers { _ = try await caller.line(containing: ": 200") }
        try await services.deployment.signet("revoke", "--spiffe-id", services.deployment.id("/stolen"))
        let revoked = ContinuousClock.now
        _ = try await stolen.line(containing: "no answer")
        #expect(revoked.duration(to: .now) < .seconds(2))
        #expect(await stolen.waitForEnd() == 0)
        // New connections of the one that was revoked fail as well.
        let again = try services.call("stolen", port: running.port, ["--expect", "0"], log: "again")
        #expect(await again.waitForEnd() == 0)
        // Behind a call to a route without a rule, all that the service decides on is later than the revocation.
        let mark = try services.call(
            others[0], port: running.port, ["--method", "GET", "--path", "/forgotten", "--expect", "403"], log: "mark")
        #expect(await mark.waitForEnd() == 0)
        _ = try await running.payments.line(containing: "GET /forgotten")
        var waitedFor = Set(others.map { services.deployment.id("/\($0)") })
        while !waitedFor.isEmpty {
            let line = try await running.payments.line(containing: " accepted")
            if let id = line.firstMatch(of: #/ of ([^ ]+) accepted/#)?.output.1 { waitedFor.remove(String(id)) }
        }
        for caller in callers {
            #expect(await caller.stop() == 0)
            let summary = try await AnswerSummary(of: caller)
            #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")
        }
        await self.stop(running)
    }

    @Test(
        "the server is away for three hours: tokens serve to their end, then the reason is given; it returns to no storm",
        .enabled(if: SetClock.isAvailable, "there is no C compiler"))
    func serverAway() async throws {
        let clock = try await SetClock()
        let names = (1...4).map { "caller-\($0)" }
        let running = try await self.start(
            callers: ["orders", "refunds"] + names, shortLived: ["refunds"], environment: clock.environment,
            server: ["agent_ttl": "4h"])
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
        // Runs through it all; its X.509-SVID expires on the way.
        let refunds = try services.call("refunds", port: port, ["--method", "GET", "--duration", "240", "--rate", "5"])
        _ = try await refunds.line(containing: ": 200")
        #expect(await running.server.stop() == 0)

        // Five minutes later the closed route refuses for what it cannot know; the open one takes the agent's token.
        try clock.set(300)
        #expect(try await answer("503").contains("state_too_old"))
        _ = try await answer("200", "--method", "GET")
        // A second beyond fifteen minutes the token is refused for itself, and the agent has no other; so it stays.
        for seconds in [901, 3_600, 7_200, 10_800] {
            try clock.set(seconds)
            #expect(
                try await answer("401", "--method", "GET", "--token-file", leaked)
                    == "orders: 401 {\"error\":\"access_token.expired\"} [Bearer realm=\"spiffe://example.org/payments\", "
                    + "error=\"invalid_token\", error_description=\"expired\"]")
            #expect(
                try await answer("0", "--method", "GET").hasPrefix(
                    "orders: no answer: the Workload API is unavailable: could not fetch an access token: "))
        }
        _ = try await refunds.line(containing: "no answer")
        let before = try self.tokenRequests(services.deployment)

        // Four processes want each of four tokens all the time when it returns.
        let waiting = try names.flatMap { name in
            try (1...4).map {
                try services.call(
                    name, port: port, ["--method", "GET", "--until", "--duration", "120", "--rate", "20"],
                    log: "\(name).\($0)")
            }
        }
        for caller in waiting { _ = try await caller.line(containing: "no answer") }
        let server = try await services.deployment.startServer()
        for caller in waiting { #expect(await caller.waitForEnd() == 0, "\(caller.log)") }
        _ = try await refunds.line(containing: ": 200")
        #expect(await refunds.stop() == 0)
        _ = try await answer("200", "--until")
        // Six tokens, and nothing was refused; two more where a connection broke on the way.
        let requests = try self.tokenRequests(services.deployment).dropFirst(before.count)
        #expect((6...8).contains(requests.count), "\(requests)")
        #expect(requests.allSatisfy { $0.contains("\"decision\":\"issued\"") }, "\(requests)")
        #expect(await running.payments.stop() == 0)
        #expect(await running.agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    /// The records of requests for access tokens that have reached the server.
    private func tokenRequests(_ deployment: Deployment) throws -> [Substring] {
        let records = try String(
            contentsOfFile: deployment.directory.path("server-data/audit.jsonl"), encoding: .utf8)
        return records.split(whereSeparator: \.isNewline).filter { $0.contains("\"kind\":\"access_token\"") }
    }
}
