import Foundation
import TestSupport
import Testing

@Suite("Scenario: agents come and go", .timeLimit(.minutes(2)))
struct AgentsComeAndGo {
    @Test("a join token works once")
    func tokenTwice() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let token = try await deployment.newToken()
        let agent = try await deployment.startAgent(token: token)
        #expect(await agent.stop() == 0)

        try FileManager.default.removeItem(atPath: deployment.directory.path("agent-data"))
        let second = try await deployment.launchAgent(token: token)
        #expect(await second.waitForEnd() == 1)
        #expect(second.log.contains("join token does not exist or has already been used"))
        #expect(!second.log.contains(token))
        _ = await server.stop()
    }

    @Test(
        "WEP-06: an agent listens on its Unix socket, and on no TCP port",
        .enabled(if: Programs.isRoot, "others may not look into a server or an agent")
    )
    func listensLocally() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        #expect(try await Self.listeningTCPPorts(of: server.pid) == [deployment.port])
        #expect(try await Self.listeningTCPPorts(of: agent.pid).isEmpty)
        #expect(await agent.stop() == 0)
        _ = await server.stop()
    }

    /// The ports of the TCP sockets that a process holds and that listen.
    private static func listeningTCPPorts(of pid: Int32) async throws -> Set<Int> {
        let files = FileManager.default
        let descriptors = try files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
        let own = Set(descriptors.compactMap { try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)") })
        var ports: Set<Int> = []
        for table in ["tcp", "tcp6"] {
            // Foundation reads no more than a page of a file without a size.
            let text = try await runProcess("cat", ["/proc/\(pid)/net/\(table)"]).outputText
            for line in text.split(separator: "\n").dropFirst() {
                // Number, local address and port, remote ones, state (0A: listening), …, inode the tenth.
                let fields = line.split(separator: " ")
                guard fields[3] == "0A", own.contains("socket:[\(fields[9])]") else { continue }
                ports.insert(try #require(Int(fields[1].drop { $0 != ":" }.dropFirst(), radix: 16)))
            }
        }
        return ports
    }

    @Test("a banned agent stops serving and cannot come back")
    func banned() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let id = try await deployment.agentID()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        try await deployment.signet("agent", "ban", "--spiffe-id", id)
        #expect(await agent.waitForEnd() == 1)
        #expect(!FileManager.default.fileExists(atPath: deployment.agentSocket))
        #expect(
            try await deployment.signet("agent", "show", "--spiffe-id", id).outputText.contains(
                "Banned           : true"))
        _ = await server.stop()
    }

    @Test("an alias given with the join token can be the parent of entries")
    func alias() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let output = try await deployment.signet("token", "generate", "--spiffe-id", deployment.id("/node/one"))
            .outputText
        let token = String(output.dropFirst("Token: ".count).prefix { !$0.isNewline })
        // An unused token is in no listing.
        #expect(!(try await deployment.signet("entry", "show", "--output", "json").outputText.contains(token)))
        let agent = try await deployment.startAgent(token: token)
        try await deployment.signet(
            "entry", "create", "--parent-id", deployment.id("/node/one"), "--spiffe-id", deployment.id("/workload"),
            "--selector",
            Deployment.ownSelector)
        let watch = try RunningProgram(
            Programs.signet, ["workload", "watch", "--output", "json", "--socket-path", deployment.agentSocket],
            logPath: deployment.directory.path("watch.log"))
        _ = try await watch.line(containing: deployment.id("/workload"))
        _ = (await watch.stop(), await agent.stop(), await server.stop())
    }

    @Test("an agent that does not trust the server's certificate does not attest, and says why")
    func wrongBundle() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let other = try Deployment()
        let otherServer = try await other.startServer()
        try deployment.directory.write(try await other.signet("bundle", "show").output, to: "bundle.pem", mode: 0o644)
        let agent = try await deployment.launchAgent(token: try await deployment.newToken())
        while agent.isRunning, !agent.log.contains("the issuer of the leaf is not trusted") {
            // Each turn runs a process: this waits for the line, and never spins.
            #expect(try await deployment.signet("agent", "count").outputText == "0 attested agents\n")
        }
        #expect(!FileManager.default.fileExists(atPath: deployment.agentSocket))
        #expect(await agent.stop() == 0)
        _ = (await server.stop(), await otherServer.stop())
    }
}
