import Foundation
import TestSupport
import Testing

@Suite("Scenario: a clock is set under traffic", .timeLimit(.minutes(5)))
struct ClocksThatStep {
    /// Without a C compiler there is no clock to set.
    private static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Forward is noticed within seconds, back within a minute: that is for `make abuse`.
    private static let steps = Thoroughness.isHigh ? "3600,0,-1800,0" : "3600"

    @Test(
        "an hour forward, and back: calls are answered, and workloads get X509-SVIDs that are valid by the clock",
        .enabled(if: Self.compiler != nil, "there is no C compiler"))
    func steps() async throws {
        let folder = try TemporaryDirectory()
        let library = folder.path("shift.so")
        let compiled = try await runProcess(
            Self.compiler ?? "cc",
            ["-O2", "-shared", "-fPIC", "-o", library, "\(Programs.root)/Tests/Interop/clock/shift.c"])
        try #require(compiled.status == 0, "\(compiled.errorText)")
        let shift = try folder.write([0, 0, 0, 0, 0, 0, 0, 0], to: "shift")

        // Agents outlive the step; who was away longer than its certificate lived must attest again.
        let deployment = try Deployment(
            server: ["agent_ttl": "3h"], environment: ["LD_PRELOAD": library, "CLOCK_SHIFT_FILE": shift])
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        let result = try await OutsideScript.run("clock.py", [deployment.agentSocket, shift, Self.steps])
        print(result.outputText, terminator: "")
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }
}
