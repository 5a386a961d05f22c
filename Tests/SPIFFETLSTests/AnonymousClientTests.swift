import SPIFFE
import SPIFFETLS
import TestSupport
import Testing

@Suite("Clients without a certificate", .timeLimit(.minutes(1)))
struct AnonymousClientTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    var anonymous: SPIFFETLSContexts {
        get throws {
            SPIFFETLSContexts(
                anonymousTrusting: TrustBundles([self.fixture.authority.bundle]),
                policy: .exactly(id(Fixture.paymentsID)), now: self.fixture.now)
        }
    }

    @Test("an ordinary server refuses them in the handshake")
    func required() async throws {
        try await withServer(self.fixture.server()) { server async throws in
            #expect(try await call(server.port, self.anonymous).answer == nil)
            #expect(await server.nextOutcome() == .failed)
        }
    }

    @Test("a server with optional certificates knows them as anonymous, and they know the server")
    func optional() async throws {
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            let exchange = try await call(server.port, self.anonymous)
            #expect(exchange == Exchange(outcome: .peer(id(Fixture.paymentsID)), answer: "ping\n"))
            #expect(await server.nextOutcome() == .peer(nil))
        }
    }

    @Test("a server with optional certificates verifies those that are shown")
    func optionalWithCertificate() async throws {
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            #expect(try await call(server.port, self.fixture.client()).answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("a server with optional certificates refuses one of another root in the handshake")
    func optionalWithInvalidCertificate() async throws {
        let impostor = try TestAuthority(trustDomain: "example.org")
        let lawless = try LawlessTLS(Credentials(of: impostor, id: Fixture.ordersID))
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            #expect(try await call(server.port, lawless.clientHandlers).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }

    @Test("a client without an identity still refuses a server it was not told to trust")
    func untrustedServer() async throws {
        let impostor = try TestAuthority(trustDomain: "example.org")
        let lawless = try LawlessTLS(Credentials(of: impostor, id: Fixture.paymentsID))
        try await withServer(lawless.serverHandlers) { server async throws in
            #expect(
                try await call(server.port, self.anonymous).outcome
                    == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }

    @Test("a client that was told to verify nothing reaches any server, and learns nothing of it")
    func unverified() async throws {
        let impostor = try TestAuthority(trustDomain: "other.test")
        let lawless = try LawlessTLS(Credentials(of: impostor, id: "spiffe://other.test/server"))
        let client = try UnverifiedTLSClient()
        try await withServer(lawless.serverHandlers) { server async throws in
            let exchange = try await call(server.port, secure: { client.secureClient($0) })
            #expect(exchange == Exchange(outcome: .failed, answer: "ping\n"))
        }
    }
}
