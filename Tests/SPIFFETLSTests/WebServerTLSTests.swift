import NIOCore
import SPIFFE
import SPIFFETLS
import SwiftASN1
import TestSupport
import Testing

@Suite("A server with a certificate of the Web, whose clients have SVIDs", .timeLimit(.minutes(1)))
struct WebServerTLSTests {
    let fixture: Fixture
    /// Some certificate that clients know the server by.
    let web: Credentials

    init() throws {
        self.fixture = try Fixture()
        self.web = try Credentials(of: TestAuthority(trustDomain: "web.example"), id: "spiffe://web.example/server")
    }

    private static func pem(_ credentials: Credentials) throws -> (certificate: [UInt8], key: [UInt8]) {
        let key = PEMDocument(type: "PRIVATE KEY", derBytes: credentials.keyPKCS8DER).pemString
        return (Array(try credentials.chain.pem.utf8), Array(key.utf8))
    }

    private func server(policy: PeerPolicy? = nil) throws -> WebServerTLS {
        let (certificate, key) = try Self.pem(self.web)
        return try WebServerTLS(
            certificateChainPEM: certificate, privateKeyPEM: key, source: self.fixture.payments,
            policy: policy ?? .memberOf(self.fixture.authority.trustDomain), now: self.fixture.now)
    }

    private func outcome(of credentials: Credentials?, at tls: WebServerTLS) async throws -> Outcome? {
        let client = try LawlessTLS(credentials)
        return try await withServer({ tls.serverHandlers() }) { server async throws in
            _ = try await call(server.port, client.clientHandlers)
            return await server.nextOutcome()
        }
    }

    @Test("a client without a certificate is anonymous, one with an SVID is known")
    func clients() async throws {
        let tls = try self.server()
        #expect(try await self.outcome(of: nil, at: tls) == .peer(nil))
        let orders = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        #expect(try await self.outcome(of: orders, at: tls) == .peer(id(Fixture.ordersID)))
    }

    @Test("an SVID of another root, or of a peer that the policy does not want, is refused in the handshake")
    func refused() async throws {
        let impostor = try TestAuthority(trustDomain: "example.org")
        #expect(
            try await self.outcome(of: Credentials(of: impostor, id: Fixture.ordersID), at: self.server())
                == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        // The server's own certificate is of no trust domain that it knows.
        #expect(
            try await self.outcome(of: self.web, at: self.server())
                == .refused(.untrustedPeer(.unknownTrustDomain(id("spiffe://web.example/server").trustDomain))))
        let orders = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        #expect(
            try await self.outcome(of: orders, at: self.server(policy: .exactly(id(Fixture.paymentsID))))
                == .refused(.unauthorizedPeer(id(Fixture.ordersID))))
    }

    @Test("clients are judged by the bundle in force at their handshake, and an expired SVID is refused")
    func bundle() async throws {
        let tls = try self.server()
        let orders = try Credentials(of: self.fixture.authority, id: Fixture.ordersID)
        let next = try TestAuthority(trustDomain: "example.org")
        self.fixture.payments.rotate(to: try next.x509Identity(id: Fixture.paymentsID))
        #expect(try await self.outcome(of: orders, at: tls) != .peer(id(Fixture.ordersID)))
        self.fixture.payments.rotate(to: try self.fixture.authority.x509Identity(id: Fixture.paymentsID))
        #expect(try await self.outcome(of: orders, at: tls) == .peer(id(Fixture.ordersID)))
        self.fixture.time.advance(by: .seconds(3_601))
        #expect(try await self.outcome(of: orders, at: tls) != .peer(id(Fixture.ordersID)))
    }

    @Test("what is no certificate with its key is refused, and what was in force stays in force")
    func unusable() async throws {
        let tls = try self.server()
        let (certificate, key) = try Self.pem(self.web)
        let other = try Self.pem(Credentials(of: self.fixture.authority, id: Fixture.ordersID))
        for (chain, privateKey, error) in [
            (Array("x".utf8), key, ServingCertificateError.certificateUnreadable), ([], key, .certificateUnreadable),
            (certificate, Array("x".utf8), .keyUnreadable), (certificate, other.key, .notOneIdentity),
        ] {
            #expect(throws: error) { try tls.replace(certificateChainPEM: chain, privateKeyPEM: privateKey) }
        }
        #expect(try await self.outcome(of: nil, at: tls) == .peer(nil))
        try tls.replace(certificateChainPEM: other.certificate, privateKeyPEM: other.key)
        #expect(try await self.outcome(of: nil, at: tls) == .peer(nil))
    }
}
