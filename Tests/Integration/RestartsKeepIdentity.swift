import Foundation
import TestSupport
import Testing

@Suite("Scenario: restarts keep who one is", .timeLimit(.minutes(2)))
struct RestartsKeepIdentity {
    @Test("an agent that restarts keeps its identity and needs no token")
    func agentRestart() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let first = try await deployment.startAgent()
        let id = try await deployment.agentID()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        #expect(await first.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: deployment.agentSocket))

        try FileManager.default.removeItem(atPath: deployment.directory.path("join-token"))
        let second = try await deployment.startAgent(token: "")
        #expect(try await deployment.agentID() == id)
        #expect(try await deployment.signet("agent", "count").outputText == "1 attested agent\n")
        let fetched = try await deployment.signet("workload", "fetch", "x509").outputText
        #expect(fetched.contains(deployment.id("/workload")))
        _ = (await second.stop(), await server.stop())
    }

    @Test("the files of the first start may be gone at the second")
    func filesOfTheFirstStart() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let config = deployment.directory.path("agent.yaml")
        let first = try await deployment.startAgent()
        let id = try await deployment.agentID()
        #expect(await first.stop() == 0)
        for name in ["join-token", "bundle.pem"] {
            try FileManager.default.removeItem(atPath: deployment.directory.path(name))
        }
        try await deployment.signet("config", "validate", "--config", config)
        let second = try RunningProgram(
            Programs.signet, ["agent", "run", "--config", config], logPath: deployment.directory.path("agent.log"))
        try await deployment.waitUntilHealthy(deployment.agentSocket, second)
        #expect(try await deployment.agentID() == id)
        #expect(await second.stop() == 0)

        // Without the identity they are needed.
        try FileManager.default.removeItem(atPath: deployment.directory.path("agent-data"))
        let third = try await deployment.run(["agent", "run", "--config", config])
        #expect(third.status == 2)
        #expect(third.errorText.contains("'agent.trust_bundle_path'"), "\(third.errorText)")
        _ = await server.stop()
    }

    @Test("workload watch outlives a restart of the agent")
    func watchGoesOn() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let first = try await deployment.startAgent()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        let watch = try RunningProgram(
            Programs.signet, ["workload", "watch", "--output", "json", "--socket-path", deployment.agentSocket],
            logPath: deployment.directory.path("watch.log"))
        _ = try await watch.line(containing: deployment.id("/workload"))
        #expect(await first.stop() == 0)
        let second = try await deployment.startAgent(token: "")
        _ = try await watch.line(containing: deployment.id("/workload"))
        #expect(watch.isRunning)
        #expect(watch.log.contains("; asking again until interrupted"))
        _ = (await watch.stop(), await second.stop(), await server.stop())
    }

    @Test("an agent killed without warning comes back with its identity")
    func agentKilled() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let first = try await deployment.startAgent()
        let id = try await deployment.agentID()
        #expect(await first.stop(SIGKILL) == SIGKILL)
        let second = try await deployment.startAgent(token: "")
        #expect(try await deployment.agentID() == id)
        _ = (await second.stop(), await server.stop())
    }

    @Test("a server that restarts keeps its authorities, its entries and its agents")
    func serverRestart() async throws {
        let deployment = try Deployment()
        let first = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/workload", selector: Deployment.ownSelector)
        let bundle = try await deployment.signet("bundle", "show", "--format", "spiffe").outputText
        let entries = try await deployment.signet("entry", "show", "--output", "json").outputText
        #expect(await first.stop() == 0)

        // With the control plane away, identities are still served.
        #expect(try await deployment.run(["entry", "show"]).status == 1)
        #expect(
            try await deployment.signet("workload", "fetch", "x509").outputText.contains(deployment.id("/workload")))

        let second = try await deployment.startServer()
        #expect(try await deployment.signet("bundle", "show", "--format", "spiffe").outputText == bundle)
        #expect(try await deployment.signet("entry", "show", "--output", "json").outputText == entries)

        // The agent finds its way back by itself: a new entry reaches it.
        let watch = try RunningProgram(
            Programs.signet, ["workload", "watch", "--output", "json", "--socket-path", deployment.agentSocket],
            logPath: deployment.directory.path("watch.log"))
        try await deployment.register("/later", selector: Deployment.ownSelector)
        _ = try await watch.line(containing: deployment.id("/later"))
        #expect(agent.isRunning)
        _ = (await watch.stop(), await agent.stop(), await second.stop())
    }

    @Test("a server that finds its database without its keys says so, and goes on with new authorities")
    func keysLost() async throws {
        let deployment = try Deployment()
        let first = try await deployment.startServer()
        #expect(await first.stop() == 0)
        #expect(!first.log.contains("lost"))
        try FileManager.default.removeItem(atPath: deployment.directory.path("server-data/keys.json"))
        let second = try await deployment.startServer()
        #expect(second.log.contains("the private key of an authority is lost"))
        _ = await second.stop()
    }

    @Test("a data folder of another trust domain is refused")
    func otherTrustDomain() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        #expect(await server.stop() == 0)
        let other = try await runProcess(
            Programs.signet,
            [
                "server", "run", "--trust-domain", "other.example", "--data-dir",
                deployment.directory.path("server-data"),
                "--socket-path", deployment.serverSocket, "--bind-address", "127.0.0.1", "--bind-port", "0",
            ])
        #expect(other.status == 1)
        #expect(other.errorText.contains("example.org"))
        #expect(other.errorText.contains("other.example"))
    }
}
