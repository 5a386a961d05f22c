import NIOCore
import SPIFFE
import SPIFFETLS
import TestSupport
import Testing
import X509

@Suite("Revoked peers", .timeLimit(.minutes(1)))
struct RevokedPeersTests {
    private let fixture: Fixture
    private let revoked = RevokedPeers()

    init() throws {
        self.fixture = try Fixture()
    }

    private func contexts(of source: RotatingSource, revoked: RevokedPeers?) -> SPIFFETLSContexts {
        SPIFFETLSContexts(
            source: source, policy: .memberOf(self.fixture.authority.trustDomain), now: self.fixture.now,
            revokedPeers: revoked)
    }

    private func revoke(_ uri: String) {
        self.revoked.replace { $0.id.uri == uri }
    }

    @Test("a server refuses the handshake of a revoked caller, and of nobody else")
    func server() async throws {
        let server = self.contexts(of: self.fixture.payments, revoked: self.revoked)
        let orders = self.contexts(of: self.fixture.orders, revoked: nil)
        let payments = self.contexts(of: self.fixture.payments, revoked: nil)
        self.revoke(Fixture.ordersID)
        try await withServer(server) { server async throws in
            #expect(try await call(server.port, orders).answer == nil)
            #expect(await server.nextOutcome() == .refused(.revokedPeer(id(Fixture.ordersID))))
            #expect(try await call(server.port, payments).answer == "ping\n")
        }
    }

    @Test("a caller refuses the handshake of a revoked server")
    func client() async throws {
        self.revoke(Fixture.paymentsID)
        try await withServer(self.contexts(of: self.fixture.payments, revoked: nil)) { server async throws in
            let exchange = try await call(server.port, self.contexts(of: self.fixture.orders, revoked: self.revoked))
            #expect(exchange == Exchange(outcome: .refused(.revokedPeer(id(Fixture.paymentsID))), answer: nil))
        }
    }

    @Test("one certificate is revoked by its serial number, and the next one of the same workload is not")
    func serial() async throws {
        let server = self.contexts(of: self.fixture.payments, revoked: self.revoked)
        let serial = try self.fixture.orders.current().svid.certificates.first.map { "\($0.serialNumber)" }
        self.revoked.replace { $0.chain.first.map { "\($0.serialNumber)" } == serial }
        let orders = self.contexts(of: self.fixture.orders, revoked: nil)
        try await withServer(server) { server async throws in
            #expect(try await call(server.port, orders).answer == nil)
            self.fixture.orders.rotate(to: try self.fixture.authority.x509Identity(id: Fixture.ordersID))
            #expect(try await call(server.port, orders).answer == "ping\n")
        }
    }

    @Test("a connection that is open ends when its peer is revoked, on either side, and others stay")
    func openConnections() async throws {
        let server = self.contexts(of: self.fixture.payments, revoked: self.revoked)
        let client = self.contexts(of: self.fixture.payments, revoked: self.revoked)
        try await withServer(server) { server async throws in
            let doomed = try await open(server.port, self.contexts(of: self.fixture.orders, revoked: nil)).channel
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            let stays = try await open(server.port, client).channel
            #expect(await server.nextOutcome() == .peer(id(Fixture.paymentsID)))
            #expect(self.revoked.connectionCount == 3)
            self.revoke(Fixture.ordersID)
            try await doomed.closeFuture.get()
            #expect(stays.isActive)
            // The client of the one that stays knows its server as revoked now.
            self.revoke(Fixture.paymentsID)
            try await stays.closeFuture.get()
        }
    }

    @Test("a connection that has ended is not remembered")
    func forgotten() async throws {
        let client = self.contexts(of: self.fixture.orders, revoked: self.revoked)
        try await withServer(self.contexts(of: self.fixture.payments, revoked: nil)) { server async throws in
            let channel = try await open(server.port, client).channel
            #expect(self.revoked.connectionCount == 1)
            try await channel.close()
            try await channel.closeFuture.get()
            try await channel.eventLoop.submit {}.get()
            #expect(self.revoked.connectionCount == 0)
        }
    }
}
