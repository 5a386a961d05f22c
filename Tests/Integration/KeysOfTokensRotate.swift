import Foundation
import TestSupport
import Testing

@Suite("Scenario: the keys of access tokens rotate under load", .timeLimit(.minutes(6)))
struct KeysOfTokensRotate {
    /// What `rotation.py` prints at its end.
    private struct Summary: Decodable {
        let calls: Int
        let calls_by_older_keys: Int
        let differences: [String]
        let keys: Int
        let tokens: Int
    }

    /// How far the clock is set at once: what is left of a token that is about to be renewed, and more.
    private static let step = 100
    /// What has to have happened before the clock goes on, by the number of the step.
    ///
    /// Keys live 90 minutes: the next one is published after 45 and signs after 75.
    private static let events = [28: "published ", 46: "signs ", 56: "published ", 74: "signs "]
    /// Ten minutes beyond the second rotation, so that the agent's token is by the last key.
    private static let steps = 84

    @Test(
        "two rotations in two hours: no call is refused, with tokens of the agent or of the endpoint, by old keys or new",
        .enabled(if: SetClock.isAvailable, "there is no C compiler"))
    func underLoad() async throws {
        let clock = try await SetClock()
        let https = try FreePort.find()
        let oauth =
            "{issuer: \"\(TokenServices.issuer)\", bind_address: 127.0.0.1, bind_port: \(https), "
            + "dns_names: localhost, key_ttl: 90m}"
        let deployment = try Deployment(
            server: ["oauth": oauth, "agent_ttl": "4h"], environment: clock.environment)
        let services = TokenServices(deployment: deployment, environment: clock.environment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await services.registerPayments(callers: ["orders", "refunds"])
        let (payments, port) = try await services.startPayments(callers: ["orders", "refunds"])

        let orders = try services.call("orders", port: port, ["--method", "GET", "--duration", "300", "--rate", "20"])
        let refunds = try await self.startRefunds(deployment, clock, https: https, port: port)
        for event in ["published ", "signs "] { _ = try await refunds.line(containing: event) }
        var keyIDs: Set<Substring> = []
        for step in 1...Self.steps {
            try clock.set(step * Self.step)
            if let event = Self.events[step] { _ = try await refunds.line(containing: event) }
            for _ in 1...10 {
                let line = try await payments.line(containing: "/orders accepted")
                if let keyID = line.firstMatch(of: #/ kid ([^ ]+)/#)?.output.1 { keyIDs.insert(keyID) }
            }
            // The state of revocations comes every five seconds however fast the clock goes, and may be fifteen minutes
            // old. Where half a minute is the limit, a call passes when it has come.
            if step.isMultiple(of: 5) {
                let closed = try services.call("orders", port: port, ["--until"], log: "closed")
                #expect(await closed.waitForEnd() == 0, "\(closed.log)")
            }
        }

        await orders.stop()
        let summary = try await AnswerSummary(of: orders)
        #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")
        #expect(keyIDs.count == 3)
        #expect(await refunds.stop() == 0, "\(refunds.log)")
        let last = try await refunds.line(containing: "{")
        let others = try JSONDecoder().decode(Summary.self, from: Data(last.utf8))
        #expect(others.differences == [])
        #expect(others.keys == 3)
        #expect(others.calls_by_older_keys > 0)
        #expect(others.calls >= others.tokens)
        #expect(await payments.stop() == 0)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    /// Starts a caller that gets its tokens over HTTPS, by an OAuth client and a validator of others.
    private func startRefunds(
        _ deployment: Deployment, _ clock: SetClock, https: Int, port: String
    ) async throws -> RunningProgram {
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        let folder = deployment.directory.path("refunds-svid")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let id = deployment.id("/refunds")
        try await deployment.signet("x509", "mint", "--spiffe-id", id, "--ttl", "4h", "--write", folder)
        let endpoint = "https://localhost:\(https)/oauth2"
        return try RunningProgram(
            Programs.python,
            [
                "\(Programs.root)/Tests/Interop/rotation.py", "\(endpoint)/token", "\(endpoint)/jwks",
                "https://127.0.0.1:\(port)/payments", TokenServices.issuer, id, deployment.id("/payments"), folder,
            ], environment: clock.environment, logPath: deployment.directory.path("refunds-oauth.log"))
    }
}
