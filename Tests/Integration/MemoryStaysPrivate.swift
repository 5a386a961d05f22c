import Foundation
import TestSupport
import Testing

@Suite("Scenario: the memory of a server stays its own", .timeLimit(.minutes(2)))
struct MemoryStaysPrivate {
    /// A user without privileges, also where the user is root: root with them may look into everything.
    private static let unprivileged =
        Programs.isRoot ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"] : []

    /// Whether another process of the same user may ask which file a process runs, as it may for any ordinary process.
    private func isOpen(_ pid: Int32) async throws -> Bool {
        let command = Self.unprivileged + ["readlink", "/proc/\(pid)/exe"]
        return try await runProcess(command[0], Array(command.dropFirst())).status == 0
    }

    @Test("a crash leaves no core, and other processes of the same user cannot look into it")
    func notDumpable() async throws {
        let deployment = try Deployment()
        // Writes the configuration.
        let first = try await deployment.startServer()
        #expect(await first.stop() == 0)

        let config = deployment.directory.path("server.yaml")
        let server = try RunningProgram(
            "/usr/bin/env", Self.unprivileged + [Programs.signet, "server", "run", "--config", config],
            logPath: deployment.directory.path("server.log"))
        try await deployment.waitUntilHealthy(deployment.serverSocket, server)
        let ordinary = try RunningProgram(
            "/usr/bin/env", Self.unprivileged + ["sh", "-c", "echo ready; exec sleep 60"],
            logPath: deployment.directory.path("sleep.log"))
        _ = try await ordinary.line(containing: "ready")
        #expect(try await self.isOpen(ordinary.pid))
        #expect(try await !self.isOpen(server.pid))

        let limits = try await runProcess("cat", ["/proc/\(server.pid)/limits"]).outputText
        #expect(limits.contains(#/Max core file size +0 +0 /#), "\(limits)")
        #expect(await server.stop() == 0)
        // It has inherited that SIGTERM is blocked.
        await ordinary.stop(SIGKILL)
    }
}
