import TestSupport
import Testing

@Suite("Scenario: every RPC is called from outside, with stubs that are not ours", .timeLimit(.minutes(3)))
struct RPCsFromOutside {
    /// What `scenarios.py` can check; each has a control plane of its own.
    enum Subject: String, CaseIterable {
        case listing, masks, batches, agents, synchronization, svids, callers, health, reflection
    }

    @Test("grpcio finds what the API promises of", arguments: Subject.allCases)
    func grpcio(subject: Subject) async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let result = try await OutsideScript.run(
            "scenarios.py",
            [subject.rawValue, deployment.serverSocket, "\(deployment.port)", deployment.directory.path])
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
        #expect(await server.stop() == 0)
    }
}
