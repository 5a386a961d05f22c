import GRPCCore
import GRPCNIOTransportHTTP2Posix
import IdentityAgent
import ProtoRPC
import Testing

@Suite("Connections to the control plane", .timeLimit(.minutes(1)))
struct ServerConnectionsTests {
    private func client() throws -> WorkloadClient {
        GRPCClient(
            transport: try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: "/nonexistent/socket"), transportSecurity: .plaintext))
    }

    @Test("a connection that is replaced before it runs fails nobody")
    func replacedBeforeItRan() async throws {
        let client = try self.client()
        client.beginGracefulShutdown()
        #expect(try await !client.runUntilEnded())
    }
}
