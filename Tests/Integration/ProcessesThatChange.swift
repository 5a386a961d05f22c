import Foundation
import TestSupport
import Testing

@Suite("Scenario: processes that are not what they were when they connected", .timeLimit(.minutes(3)))
struct ProcessesThatChange {
    /// How often a pid is used again; `make abuse` tries ten times as often.
    private static let tries = Thoroughness.isHigh ? 5_000 : 500

    @Test(
        "a connection speaks for the process that made it, as long as that lives, and as the program it executes",
        arguments: ["exits", "forks", "executes"])
    func changes(what: String) async throws {
        try await self.withAgent { deployment, program, other in
            try await deployment.register("/program", selector: "unix:path:\(program)")
            try await deployment.register("/user", selector: Deployment.ownSelector)
            try await self.expectSuccess(of: [what, deployment.agentSocket, other])
        }
    }

    @Test("a process that gets the pid of one that connected and ended lends it no identity")
    func reusedPID() async throws {
        try await self.withAgent { deployment, _, other in
            try await deployment.register("/other", selector: "unix:path:\(other)")
            try await self.expectSuccess(of: ["reuse", deployment.agentSocket, other, "\(Self.tries)"])
        }
    }

    /// Runs `body` with an agent, the file of the Python that runs the scripts, and a copy of it: another program.
    private func withAgent(_ body: (Deployment, String, String) async throws -> Void) async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let program = URL(filePath: Programs.python).resolvingSymlinksInPath().path
        let other = deployment.directory.path("other-python")
        try FileManager.default.copyItem(atPath: program, toPath: other)
        try await body(deployment, program, other)
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    private func expectSuccess(of arguments: [String]) async throws {
        let result = try await OutsideScript.run("processes.py", arguments)
        #expect(result.status == 0, "\(result.errorText)")
        if !result.output.isEmpty { print(result.outputText, terminator: "") }
    }
}
