import FoundationEssentials
import NIOCore
import SPIFFE
import SPIFFETLS
import Synchronization
import TestSupport
import Testing

/// A resumed session shows no certificate: it is judged again all the same.
@Suite("Session resumption", .timeLimit(.minutes(1)))
struct ResumptionTests {
    let fixture: Fixture
    let directory: TemporaryDirectory

    init() throws {
        self.fixture = try Fixture()
        self.directory = try TemporaryDirectory()
    }

    /// Connects with openssl; keeps the session it gets, or resumes the one it kept.
    private func connect(
        to server: EchoServer, as credentials: Credentials?, resuming: Bool, _ more: [String] = []
    ) async throws -> ProcessOutput {
        let session = self.directory.path("session.pem")
        var arguments = [resuming ? "-sess_in" : "-sess_out", session] + more
        if let credentials {
            let files = try credentials.write(to: self.directory, as: "peer")
            arguments += ["-cert", files.certificates, "-cert_chain", files.certificates, "-key", files.key]
        }
        return try await OpenSSL.client(port: server.port, arguments)
    }

    @Test("is validated again while the snapshot is in force, in TLS 1.3 and 1.2", arguments: ["-tls1_3", "-tls1_2"])
    func revalidated(version: String) async throws {
        let orders = Credentials(try self.fixture.orders.current().svid)
        try await withServer(self.fixture.server(minimumVersion: .tlsv12)) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false, [version])
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            let resumed = try await self.connect(to: server, as: orders, resuming: true, [version])
            #expect(resumed.outputText.contains("Reused, TLSv1."))
            #expect(resumed.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("is refused once the peer's SVID has expired", arguments: ["-tls1_3", "-tls1_2"])
    func expired(version: String) async throws {
        let orders = try Credentials(of: self.fixture.authority, id: Fixture.ordersID, lifetime: .seconds(60))
        let expiry = self.fixture.time.now.addingTimeInterval(60)
        try await withServer(self.fixture.server(minimumVersion: .tlsv12)) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false, [version])
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            self.fixture.time.advance(by: .seconds(61))
            let resumed = try await self.connect(to: server, as: orders, resuming: true, [version])
            #expect(resumed.outputText.contains("Reused, TLSv1."))
            #expect(!resumed.outputText.contains("ping\n"))
            #expect(
                await server.nextOutcome() == .refused(.untrustedPeer(.expired(position: 0, notAfter: expiry))))
        }
    }

    @Test("does not outlive the authority that vouched for the peer")
    func removedAuthority() async throws {
        let orders = Credentials(try self.fixture.orders.current().svid)
        let next = try TestAuthority(trustDomain: "example.org")
        let payments = try self.fixture.payments.current().svid
        let contexts = self.fixture.server()
        // Those of a connection that was accepted before the rotation, and whose handshake is after it: only there does
        // the context that knows the session meet the new bundle.
        let prepared = Mutex<[any ChannelHandler]?>(nil)
        try await withServer({
            try prepared.withLock { handlers in
                defer { handlers = nil }
                return handlers
            } ?? contexts.serverHandlers()
        }) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            try prepared.withLock { $0 = try contexts.serverHandlers() }
            self.fixture.payments.rotate(to: X509Identity(svid: payments, bundles: TrustBundles([next.bundle])))
            let resumed = try await self.connect(to: server, as: orders, resuming: true)
            #expect(resumed.outputText.contains("Reused, TLSv1.3"))
            #expect(!resumed.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }

    @Test("a session of another snapshot is no session: the peer makes a full handshake")
    func otherSnapshot() async throws {
        let orders = Credentials(try self.fixture.orders.current().svid)
        let payments = try self.fixture.payments.current()
        try await withServer(self.fixture.server()) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            let next = try TestAuthority(trustDomain: "elsewhere.test")
            self.fixture.payments.rotate(
                to: X509Identity(
                    svid: payments.svid, bundles: TrustBundles([self.fixture.authority.bundle, next.bundle])))
            let second = try await self.connect(to: server, as: orders, resuming: true)
            #expect(second.outputText.contains("New, TLSv1.3"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("does not outlive the server's identity")
    func withdrawnIdentity() async throws {
        let orders = Credentials(try self.fixture.orders.current().svid)
        try await withServer(self.fixture.server()) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            self.fixture.payments.rotate(to: nil)
            let resumed = try await self.connect(to: server, as: orders, resuming: true)
            #expect(!resumed.outputText.contains("ping\n"))
            #expect(await server.nextOutcome() == .unavailable)
        }
    }

    @Test("below an intermediate is validated with the chain of the full handshake")
    func intermediate() async throws {
        let orders = Credentials(try self.fixture.authority.intermediate().x509SVID(id: Fixture.ordersID))
        try await withServer(self.fixture.server()) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            let resumed = try await self.connect(to: server, as: orders, resuming: true)
            #expect(resumed.outputText.contains("Reused, TLSv1.3"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("where certificates are optional: who showed one is never anonymous, who did not stays so")
    func optional() async throws {
        let orders = Credentials(try self.fixture.orders.current().svid)
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            _ = try await self.connect(to: server, as: orders, resuming: false)
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            // Resumes without the key of the SVID: the session itself proves who it belongs to.
            let resumed = try await self.connect(to: server, as: nil, resuming: true)
            #expect(resumed.outputText.contains("Reused, TLSv1.3"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
        try await withServer(self.fixture.server(clientAuthentication: .optional)) { server async throws in
            _ = try await self.connect(to: server, as: nil, resuming: false)
            #expect(await server.nextOutcome() == .peer(nil))
            let resumed = try await self.connect(to: server, as: nil, resuming: true)
            #expect(resumed.outputText.contains("Reused, TLSv1.3"))
            #expect(await server.nextOutcome() == .peer(nil))
        }
    }
}
