import Foundation
import TestSupport
import Testing

@Suite(
    "Scenario: programs under abuse serve who behaves", .serialized,
    .timeLimit(Thoroughness.isHigh ? .minutes(30) : .minutes(3)))
struct AbuseOfPrograms {
    @Test(
        "garbage, floods, slow and silent peers at all three sockets cost a well-behaved client little",
        .enabled(if: Programs.isRoot, "the attacker must be another user"))
    func threeDoors() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        try await deployment.register("/neighbour", selector: Deployment.ownSelector)
        try await deployment.register("/stranger", selector: "unix:uid:65533")
        let result = try await OutsideScript.run(
            "abuse.py",
            [
                deployment.serverSocket, "\(deployment.port)", deployment.agentSocket, "\(server.pid)", "\(agent.pid)",
                Thoroughness.isHigh ? "full" : "short",
            ])
        print(result.outputText, terminator: "")
        #expect(result.status == 0, "\(result.outputText)\(result.errorText)")
        // Nothing was taken down, and nothing is left behind that would hold up the end.
        #expect(await agent.stop() == 0)
        #expect(await server.stop() == 0)
    }

    /// A call's frames, and then one that no client may send, so that the server answers and closes.
    private static let frames: [UInt8] =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0] + [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]

    @Test("openssl resumes a session with a certificate that is trusted, and not with one that has expired")
    func sessionResumption() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let folder = deployment.directory.path
        try await deployment.signet(
            "x509", "mint", "--spiffe-id", deployment.id("/client"), "--ttl", "10", "--write", folder)
        let session = "\(folder)/session.pem"
        func connect(_ more: String...) async throws -> (welcome: Bool, resumed: Bool) {
            let output = try await runProcess(
                "openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(deployment.port)", "-cert", "\(folder)/svid.pem", "-key",
                    "\(folder)/key.pem", "-CAfile", "\(folder)/bundle.pem", "-alpn", "h2", "-ign_eof",
                ] + more, input: Self.frames
            ).output
            let text = String(decoding: output, as: UTF8.self)
            // The acknowledgement of the settings: an answer of HTTP/2, behind the handshake.
            let acknowledgement = Data([0, 0, 0, 4, 1, 0, 0, 0, 0])
            return (Data(output).range(of: acknowledgement) != nil, text.contains("Reused, TLSv1.3"))
        }
        #expect(try await connect("-sess_out", session) == (true, false))
        #expect(FileManager.default.fileExists(atPath: session))
        #expect(try await connect("-sess_in", session) == (true, true))

        // Each turn is a handshake: this waits until the certificate has expired, and never spins.
        while try await connect().welcome {}
        let resumption = try await connect("-sess_in", session)
        #expect(!resumption.welcome)
        #expect(await server.stop() == 0)
    }
}
