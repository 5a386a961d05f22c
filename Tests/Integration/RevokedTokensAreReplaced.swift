import Foundation
import TestSupport
import Testing

@Suite("Scenario: revoked tokens are replaced", .timeLimit(.minutes(2)))
struct RevokedTokensAreReplaced {
    @Test(
        "a caller whose token or whose signing key is revoked is refused, and has another token within seconds",
        arguments: ["jti", "kid"])
    func recovery(_ kind: String) async throws {
        let deployment = try Deployment(server: ["oauth": TokenServices.oauth])
        let services = TokenServices(deployment: deployment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await services.registerPayments(callers: ["orders", "refunds"])
        let (payments, port) = try await services.startPayments(callers: ["orders", "refunds"])
        let callers = try ["orders", "refunds"].map {
            try services.call($0, port: port, ["--duration", "10", "--rate", "20"])
        }
        for caller in callers { _ = try await caller.line(containing: ": 200") }
        let accepted = try await payments.line(containing: "/orders accepted jti ")
        let names = try #require(accepted.firstMatch(of: #/ jti ([^ ]+) kid ([^ ]+)/#)?.output)
        try await deployment.signet("revoke", "--\(kind)", String(kind == "jti" ? names.1 : names.2))

        let orders = try await AnswerSummary(of: callers[0])
        let refunds = try await AnswerSummary(of: callers[1])
        for (summary, isRevoked) in [(orders, true), (refunds, kind == "kid")] {
            #expect(Set(summary.answers.keys) == (isRevoked ? ["200", "401"] : ["200"]), "\(summary.lines)")
            // Two seconds of twenty calls each at the most.
            #expect(summary.answers["401", default: 0] <= 40, "\(summary.lines)")
        }
        // The last answer was the right one again.
        for caller in callers { #expect(await caller.waitForEnd() == 0, "\(caller.log)") }
        #expect(await payments.stop() == 0)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }
}
