import Foundation
import TestSupport
import Testing

@Suite("Scenario: programs that are killed lose nothing they acknowledged", .timeLimit(.minutes(3)))
struct KilledProgramsLoseNothing {
    @Test("the server, killed three times during a thousand writes, has every write it acknowledged")
    func serverDuringWrites() async throws {
        let deployment = try Deployment()
        var server = try await deployment.startServer()
        let writer = try OutsideScript.start(
            "writer.py", [deployment.serverSocket, "\(deployment.port)", deployment.directory.path, "1000"],
            logPath: deployment.directory.path("writer.log"))
        for moment in ["250", "500", "750"] {
            _ = try await writer.line(containing: moment)
            #expect(await server.stop(SIGKILL) == SIGKILL)
            server = try await deployment.startServer()
        }
        let verdict = await writer.everythingWritten()
        #expect(await writer.waitForEnd() == 0, "\(String(decoding: verdict, as: UTF8.self))")
        #expect(await server.stop() == 0)
    }

    @Test("server and agent, killed at once during writes, come back by themselves")
    func bothDuringWrites() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let id = try await deployment.agentID()
        try await deployment.register("/before", selector: Deployment.ownSelector)
        let writer = try OutsideScript.start(
            "writer.py", [deployment.serverSocket, "\(deployment.port)", deployment.directory.path, "200"],
            logPath: deployment.directory.path("writer.log"))
        _ = try await writer.line(containing: "100")
        async let serverEnd = server.stop(SIGKILL)
        async let agentEnd = agent.stop(SIGKILL)
        #expect(await (serverEnd, agentEnd) == (SIGKILL, SIGKILL))

        // The agent first: it waits for its server.
        let agentAgain = try await deployment.launchAgent(token: "")
        let serverAgain = try await deployment.startServer()
        let verdict = await writer.everythingWritten()
        #expect(await writer.waitForEnd() == 0, "\(String(decoding: verdict, as: UTF8.self))")
        let entry = [
            "entry", "create", "--parent-id", id, "--spiffe-id", deployment.id("/after"), "--selector",
            Deployment.ownSelector,
        ]
        #expect(try await deployment.run(entry).status == 0)
        try await deployment.waitUntilHealthy(deployment.agentSocket, agentAgain)
        let watch = try RunningProgram(
            Programs.signet, ["workload", "watch", "--output", "json", "--socket-path", deployment.agentSocket],
            logPath: deployment.directory.path("watch.log"))
        let line = try await watch.line(containing: deployment.id("/after"))
        #expect(line.contains(deployment.id("/before")))
        _ = (await watch.stop(), await agentAgain.stop(), await serverAgain.stop())
    }

    /// At which step of a renewal an agent is killed: how many changes of its folder have happened.
    ///
    /// A renewal writes three files, each as a new file that is then moved into place: the keys with the new one, the
    /// certificate, the keys without the old one.
    static let steps = Array(1...9)

    @Test("agents, each killed at another step of its renewal, come back with their identity and without a token")
    func agentDuringRenewal() async throws {
        let deployment = try Deployment(server: ["agent_ttl": "12s"])
        let server = try await deployment.startServer()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for step in Self.steps {
                group.addTask { try await Self.renewal(of: "agent-\(step)", killedAt: step, in: deployment) }
            }
            try await group.waitForAll()
        }
        // Nobody has attested anew.
        #expect(try await deployment.signet("agent", "count").outputText == "\(Self.steps.count) attested agents\n")
        #expect(await server.stop() == 0)
    }

    private static func renewal(of name: String, killedAt step: Int, in deployment: Deployment) async throws {
        let agent = try await deployment.startAgent(name: name)
        let changes = try FolderChanges(of: deployment.directory.path("\(name)-data"))
        let pid = agent.pid
        let file = await changes.wait(until: step) { kill(pid, SIGKILL) }
        #expect(file.hasPrefix("agent-"), "step \(step): \(file)")
        #expect(await agent.stop(SIGKILL) == SIGKILL, "step \(step)")

        let again = try await deployment.startAgent(token: "", name: name)
        let renewed = try FolderChanges(of: deployment.directory.path("\(name)-data"))
        // Renewing works too: as many changes as one renewal makes.
        _ = await renewed.wait(until: Self.steps.count) {}
        #expect(again.isRunning, "step \(step): \(again.log)")
        #expect(await again.stop() == 0, "step \(step)")
    }

    @Test("of twenty agents with one join token, exactly one attests")
    func tokenRace() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let token = try await deployment.newToken()
        let agents = try await withThrowingTaskGroup(of: RunningProgram.self) { group in
            // The first writes the bundle that all of them read.
            var agents = [try await deployment.launchAgent(token: token, name: "racer-0")]
            for number in 1..<20 {
                group.addTask { try await deployment.launchAgent(token: token, name: "racer-\(number)") }
            }
            for try await agent in group { agents.append(agent) }
            return agents
        }
        await withTaskGroup(of: Int32.self) { group in
            for agent in agents { group.addTask { await agent.waitForEnd() } }
            for _ in 1..<agents.count {
                let loser = await group.next()
                #expect(loser == 1)
            }
            let left = agents.filter(\.isRunning)
            #expect(left.count == 1)
            // Each question is a process, so this never spins.
            while !Task.isCancelled, left.contains(where: { $0.isRunning && !$0.log.contains("agent attested") }) {
                _ = try? await deployment.signet("agent", "count")
            }
            for agent in left { kill(agent.pid, SIGTERM) }
            let winner = await group.next()
            #expect(winner == 0)
        }
        #expect(try await deployment.agentID() == deployment.id("/spire/agent/join_token/\(token)"))
        #expect(try await deployment.signet("agent", "count").outputText == "1 attested agent\n")
        let attested = agents.filter { $0.log.contains("agent attested") }
        #expect(attested.count == 1)
        for agent in agents where !agent.log.contains("agent attested") {
            #expect(agent.log.contains("join token does not exist or has already been used"), "\(agent.log)")
        }
        #expect(await server.stop() == 0)
    }
}
