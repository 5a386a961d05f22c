import Foundation
import TestSupport
import Testing

@Suite("Scenario: tokens that are bound to the certificate survive its rotation", .timeLimit(.minutes(3)))
struct BoundTokensSurviveRotation {
    @Test("while the agent rotates the caller's SVID under load, no call is refused, and every rotation has its token")
    func rotation() async throws {
        let deployment = try Deployment(server: ["oauth": TokenServices.oauth])
        let services = TokenServices(deployment: deployment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await services.register("payments")
        try await deployment.signet(
            "service", "create", "--name", "payments", "--spiffe-id", deployment.id("/payments"), "--owner", "team",
            "--binding", "certificate")
        let path = deployment.directory.path("orders")
        try FileManager.default.copyItem(atPath: Programs.demoService, toPath: path)
        try await deployment.register("/orders", selector: "unix:path:\(path)", "--x509-svid-ttl", "10s")
        try await deployment.signet(
            "grant", "create", "--from", deployment.id("/orders"), "--to", "payments", "--scope", "payments:create",
            "--reason", "test")
        let (payments, port) = try await services.startPayments(callers: ["orders"])
        let orders = try services.call("orders", port: port, ["--duration", "20", "--rate", "50"])
        let summary = try await AnswerSummary(of: orders)
        #expect(summary.answers == ["200": summary.calls], "\(summary.lines)")
        #expect(summary.calls > 500)
        #expect(await orders.waitForEnd() == 0)

        // The records tell of several tokens, each asked for by the library with its version.
        let version = try await deployment.signet("--version").outputText.trimmingCharacters(in: .newlines)
        let issued = try await deployment.signet(
            "audit", "query", "--file", deployment.directory.path("server-data/audit.jsonl"), "--subject",
            deployment.id("/orders"), "--decision", "issued", "--library", "signet-swift/\(version)", "--output", "json"
        ).outputText.split(separator: "\n")
        #expect(issued.count { $0.contains("\"access_token\"") } >= 3, "\(issued)")
        #expect(await payments.stop() == 0)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }
}
