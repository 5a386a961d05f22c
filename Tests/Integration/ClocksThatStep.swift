import Foundation
import TestSupport
import Testing

@Suite("Scenario: a clock is set under traffic", .timeLimit(.minutes(5)))
struct ClocksThatStep {
    /// Forward is noticed within seconds, back within a minute: that is for `make abuse`.
    private static let steps = Thoroughness.isHigh ? "3600,0,-1800,0" : "3600"

    @Test(
        "an hour forward, and back: calls are answered, and workloads get X509-SVIDs that are valid by the clock",
        .enabled(if: SetClock.isAvailable, "there is no C compiler"))
    func steps() async throws {
        let clock = try await SetClock()
        // Agents outlive the step; who was away longer than its certificate lived must attest again.
        let deployment = try Deployment(server: ["agent_ttl": "3h"], environment: clock.environment)
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        let result = try await OutsideScript.run("clock.py", [deployment.agentSocket, clock.path, Self.steps])
        print(result.outputText, terminator: "")
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }
}
