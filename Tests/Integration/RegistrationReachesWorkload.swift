import Foundation
import TestSupport
import Testing

@Suite("Scenario: a registration reaches the workload", .timeLimit(.minutes(2)))
struct RegistrationReachesWorkload {
    @Test("an entry's identity is on the open stream, and a deleted entry's identity is gone from it")
    func registerAndDelete() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/first", selector: Deployment.ownSelector)

        let watch = try RunningProgram(
            Programs.signet, ["workload", "watch", "--output", "json", "--socket-path", deployment.agentSocket],
            logPath: deployment.directory.path("watch.log"))
        _ = try await watch.line(containing: deployment.id("/first"))

        // Measured and printed, not judged: how long after `entry create` returned the identity was on the stream.
        var milliseconds: [Double] = []
        let clock = ContinuousClock()
        for number in 1...5 {
            async let arrival = Self.moment(of: "/service-\(number)\"", on: watch, clock)
            let entry = try await deployment.register("/service-\(number)", selector: Deployment.ownSelector)
            let returned = clock.now
            milliseconds.append(max(0, try await (arrival - returned) / .milliseconds(1)))
            if number == 5 { try await deployment.signet("entry", "delete", "--entry-id", entry) }
        }
        print(
            "registration to identity on the open stream, ms after the command returned:", milliseconds.map { Int($0) })

        while try await watch.line().contains("/service-5\"") {}
        #expect(await watch.stop(SIGINT) == SIGINT)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    private static func moment(
        of text: String, on watch: RunningProgram, _ clock: ContinuousClock
    ) async throws -> ContinuousClock.Instant {
        _ = try await watch.line(containing: text)
        return clock.now
    }

    @Test("a process nobody registered is refused with PERMISSION_DENIED and told what was seen of it")
    func stranger() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/somebody", selector: "unix:uid:4242424")

        let refused = try await deployment.run(["workload", "fetch", "x509"])
        #expect(refused.status == 1)
        #expect(refused.output.isEmpty)
        #expect(refused.errorText.contains("no identity issued"))
        #expect(refused.errorText.contains("unix:uid:\(geteuid())"))
        #expect(refused.errorText.contains("(permissionDenied)"))
        #expect(!refused.errorText.contains("4242424"))
        _ = (await agent.stop(), await server.stop())
    }
}
