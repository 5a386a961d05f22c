import FoundationEssentials
import SPIFFE
import SPIFFETLS
import TestSupport
import Testing

@Suite("OpenSSL as the peer", .timeLimit(.minutes(1)))
struct OpenSSLPeerTests {
    let fixture: Fixture
    let directory: TemporaryDirectory

    init() throws {
        self.fixture = try Fixture()
        self.directory = try TemporaryDirectory()
    }

    /// The arguments with which openssl shows these credentials.
    private func show(_ credentials: Credentials) throws -> [String] {
        let files = try credentials.write(to: self.directory, as: "peer")
        return ["-cert", files.certificates, "-cert_chain", files.certificates, "-key", files.key]
    }

    /// The arguments with which openssl insists on a peer of the authority.
    private func trust(_ authority: TestAuthority) throws -> [String] {
        let bundle = try self.directory.write(
            Array(authority.bundle.x509Authorities.pem.utf8), to: "bundle.pem")
        return ["-CAfile", bundle, "-verify_return_error"] + OpenSSL.time
    }

    @Test("a client with an SVID is verified, and verifies our chain")
    func client() async throws {
        let svid = try self.fixture.authority.intermediate().x509SVID(id: Fixture.ordersID)
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(
                port: server.port, self.show(Credentials(svid)) + self.trust(self.fixture.authority))
            #expect(output.outputText.contains("ping\n"))
            #expect(output.outputText.contains("Verify return code: 0 (ok)"))
            #expect(output.outputText.contains("Acceptable client certificate CA names") == false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("a client whose SVID has expired is refused")
    func expiredClient() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: Fixture.ordersID, lifetime: .seconds(-30))
        let expiry = self.fixture.time.now.addingTimeInterval(-30)
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(port: server.port, self.show(credentials))
            #expect(!output.outputText.contains("ping\n"))
            #expect(
                await server.nextOutcome() == .refused(.untrustedPeer(.expired(position: 0, notAfter: expiry))))
        }
    }

    @Test("a client without a certificate is refused, and is anonymous where certificates are optional")
    func anonymousClient() async throws {
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(port: server.port, [])
            #expect(!output.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .failed)
        }
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            let output = try await OpenSSL.client(port: server.port, [])
            #expect(output.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .peer(nil))
        }
    }

    @Test("X509-38: a client certificate with two URI names is refused")
    func twoNames() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: Fixture.ordersID) {
            $0.uriNames.append("spiffe://example.org/payments")
        }
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(port: server.port, self.show(credentials))
            #expect(!output.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.severalURINames(count: 2))))
        }
    }

    @Test("X509-04: a client that shows the authority's own certificate is refused")
    func authorityAsClient() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: "spiffe://example.org") {
            $0.becomeSigning()
        }
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(port: server.port, self.show(credentials))
            #expect(!output.outputText.contains("ping\n"))
            // Its key usage has no digitalSignature: TLS itself refuses it, before the chain is looked at.
            #expect(await server.nextOutcome() == .failed)
        }
    }

    @Test("TLS 1.2 is refused by default")
    func tls12Refused() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        try await withServer(self.fixture.server()) { server async throws in
            let output = try await OpenSSL.client(port: server.port, self.show(credentials) + ["-tls1_2"])
            #expect(!output.outputText.contains("ping\n"))
            #expect(output.errorText.contains("protocol version"))
            #expect(await server.nextOutcome() == .failed)
        }
    }

    @Test("TLS 1.2 is spoken where it is allowed, with the same rules for the peer")
    func tls12Allowed() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        let impostor = try Credentials(of: TestAuthority(trustDomain: "example.org"), id: Fixture.ordersID)
        try await withServer(self.fixture.server(minimumVersion: .tlsv12)) { server async throws in
            let output = try await OpenSSL.client(port: server.port, self.show(credentials) + ["-tls1_2"])
            #expect(output.outputText.contains("ping\n"))
            #expect(output.outputText.contains("New, TLSv1.2, Cipher is ECDHE-ECDSA-"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))

            let refused = try await OpenSSL.client(port: server.port, self.show(impostor) + ["-tls1_2"])
            #expect(!refused.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }

    @Test("TLS 1.2 without forward secrecy is refused even where TLS 1.2 is allowed")
    func weakCipher() async throws {
        let credentials = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        try await withServer(self.fixture.server(minimumVersion: .tlsv12)) { server async throws in
            let output = try await OpenSSL.client(
                port: server.port, self.show(credentials) + ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"])
            #expect(!output.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .failed)
        }
    }

    @Test("a server with the expected SVID is verified, and verifies ours")
    func server() async throws {
        let payments = try Credentials(of: self.fixture.authority, id: Fixture.paymentsID)
        let arguments = try self.show(payments) + self.trust(self.fixture.authority) + ["-Verify", "5"]
        let exchange = try await OpenSSL.withServer(arguments) { port in
            try await call(port, self.fixture.client())
        }
        #expect(exchange == Exchange(outcome: .peer(id(Fixture.paymentsID)), answer: "gnip\n"))
    }

    @Test("a server with another SVID than the expected one is refused, whatever its host name")
    func unexpectedServer() async throws {
        let other = try Credentials(of: self.fixture.authority, id: "spiffe://example.org/other") {
            $0.dnsNames = ["127.0.0.1", "localhost"]
        }
        let exchange = try await OpenSSL.withServer(self.show(other)) { port in
            try await call(port, self.fixture.client())
        }
        #expect(
            exchange
                == Exchange(
                    outcome: .refused(.unauthorizedPeer(id("spiffe://example.org/other"))), answer: nil))
    }

    @Test("a server that speaks no more than TLS 1.2 is refused by default")
    func oldServer() async throws {
        let payments = try Credentials(of: self.fixture.authority, id: Fixture.paymentsID)
        let exchange = try await OpenSSL.withServer(self.show(payments) + ["-tls1_2"]) { port in
            try await call(port, self.fixture.client())
        }
        #expect(exchange == Exchange(outcome: .failed, answer: nil))
    }
}
