import Foundation
import TestSupport
import Testing

@Suite("Scenario: the keys of access tokens rotate under load", .timeLimit(.minutes(6)))
struct KeysOfTokensRotate {
    /// What `rotation.py` prints.
    private struct Summary: Decodable {
        let differences: [String]
        let calls: Int
        let calls_by_older_keys: Int
        let keys: Int
        let tokens: Int
    }

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

        // One caller has its tokens from the agent, the other from the endpoint, by a client and a validator of others.
        let orders = try services.call("orders", port: port, ["--method", "GET", "--duration", "300", "--rate", "20"])
        _ = try await orders.line(containing: ": 200")
        let refunds = try await self.refunds(deployment, clock, https: https, port: port)
        await orders.stop()
        let summary = try await AnswerSummary(of: orders)
        #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")

        #expect(refunds.differences == [])
        #expect(refunds.keys == 3)
        #expect(refunds.calls_by_older_keys > 0)
        #expect(refunds.calls >= refunds.tokens)
        #expect(await payments.stop() == 0)
        let decisions = String(decoding: await payments.everythingWritten(), as: UTF8.self)
        let keys = Set(decisions.matches(of: #/\/orders accepted jti [^ ]+ kid ([^ \n]+)/#).map(\.output.1))
        #expect(keys.count == 3)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    /// Has `rotation.py` set the clock, and call at each step.
    private func refunds(
        _ deployment: Deployment, _ clock: SetClock, https: Int, port: String
    ) async throws -> Summary {
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        let folder = deployment.directory.path("refunds-svid")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let id = deployment.id("/refunds")
        try await deployment.signet("x509", "mint", "--spiffe-id", id, "--ttl", "4h", "--write", folder)
        let endpoint = "https://localhost:\(https)/oauth2"
        let script = try await runProcess(
            Programs.python,
            [
                "\(Programs.root)/Tests/Interop/rotation.py", "\(endpoint)/token", "\(endpoint)/jwks",
                "https://127.0.0.1:\(port)/payments", TokenServices.issuer, id, deployment.id("/payments"), folder,
            ], environment: ProcessInfo.processInfo.environment.merging(clock.environment) { $1 })
        do {
            return try JSONDecoder().decode(Summary.self, from: Data(script.output))
        } catch {
            throw Deployment.Failure(description: "rotation.py: \(script.status) \(script.errorText)")
        }
    }
}
