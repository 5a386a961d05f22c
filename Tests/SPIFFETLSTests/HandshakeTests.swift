import NIOCore
import NIOPosix
import NIOTLS
import SPIFFE
import SPIFFETLS
import Synchronization
import TestSupport
import Testing

@Suite("Mutual TLS between workloads", .timeLimit(.minutes(1)))
struct HandshakeTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    @Test("each side learns the other's SPIFFE ID, and bytes pass")
    func mutual() async throws {
        try await withServer(self.fixture.server()) { server async throws in
            let exchange = try await call(server.port, self.fixture.client())
            #expect(exchange == Exchange(outcome: .peer(id(Fixture.paymentsID)), answer: "ping\n"))
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("an SVID with a key of any kind that an X509-SVID may have is served", arguments: LeafKey.Kind.allCases)
    func keyOfServer(kind: LeafKey.Kind) async throws {
        let svid = try self.fixture.authority.x509SVID(id: Fixture.paymentsID, key: LeafKey(kind))
        self.fixture.payments.rotate(to: self.fixture.identity(svid))
        try await withServer(self.fixture.server()) { server async throws in
            let exchange = try await call(server.port, self.fixture.client())
            #expect(exchange == Exchange(outcome: .peer(id(Fixture.paymentsID)), answer: "ping\n"))
        }
    }

    @Test(
        "an SVID with a key of any kind that an X509-SVID may have proves a client, in both versions of TLS",
        arguments: LeafKey.Kind.allCases, [MinimumTLSVersion.tlsv12, .tlsv13])
    func keyOfClient(kind: LeafKey.Kind, version: MinimumTLSVersion) async throws {
        let svid = try self.fixture.authority.x509SVID(id: Fixture.ordersID, key: LeafKey(kind))
        let credentials = Credentials(svid)
        try await withServer(self.fixture.server(minimumVersion: version)) { server async throws in
            let lawless = try LawlessTLS(credentials, maximumVersion: version)
            #expect(try await call(server.port, lawless.clientHandlers).answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
        try await withServer(self.fixture.server()) { server async throws in
            let exchange = try await call(
                server.port, self.fixture.client(RotatingSource(self.fixture.identity(svid))))
            #expect(exchange.answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("a client refuses a server that its policy does not authorize")
    func clientPolicy() async throws {
        try await withServer(self.fixture.server()) { server async throws in
            let other = try self.fixture.client(policy: .exactly(id("spiffe://example.org/other")))
            let exchange = try await call(server.port, other)
            #expect(
                exchange
                    == Exchange(outcome: .refused(.unauthorizedPeer(id(Fixture.paymentsID))), answer: nil))
            #expect(await server.nextOutcome() == .failed)
        }
    }

    @Test("a server refuses a client that its policy does not authorize, and answers it nothing")
    func serverPolicy() async throws {
        let contexts = self.fixture.server(policy: .exactly(id("spiffe://example.org/other")))
        try await withServer(contexts) { server async throws in
            let exchange = try await call(server.port, self.fixture.client())
            #expect(exchange.answer == nil)
            #expect(await server.nextOutcome() == .refused(.unauthorizedPeer(id(Fixture.ordersID))))
        }
    }

    @Test("WAPI-17: a peer of a trust domain without a bundle is refused")
    func foreignTrustDomain() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let source = RotatingSource(
            try foreign.x509Identity(
                id: "spiffe://foreign.test/orders", federatedBundles: [self.fixture.authority.bundle]))
        try await withServer(self.fixture.server(policy: .predicate { _ in true })) { server async throws in
            let exchange = try await call(server.port, self.fixture.client(source))
            #expect(exchange.answer == nil)
            #expect(
                await server.nextOutcome()
                    == .refused(.untrustedPeer(.unknownTrustDomain(try TrustDomain(parsing: "foreign.test")))))
        }
    }

    @Test("a peer of a federated trust domain is verified against that trust domain's bundle")
    func federated() async throws {
        let foreign = try TestAuthority(trustDomain: "foreign.test")
        let source = RotatingSource(
            try foreign.x509Identity(
                id: "spiffe://foreign.test/orders", federatedBundles: [self.fixture.authority.bundle]))
        self.fixture.payments.rotate(
            to: try self.fixture.authority.x509Identity(id: Fixture.paymentsID, federatedBundles: [foreign.bundle]))
        try await withServer(self.fixture.server(policy: .memberOf(foreign.trustDomain))) { server async throws in
            let exchange = try await call(server.port, self.fixture.client(source))
            #expect(exchange.answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id("spiffe://foreign.test/orders")))
        }
    }

    @Test("a peer below another root of the same trust domain's name is refused")
    func impostor() async throws {
        let impostor = try TestAuthority(trustDomain: "example.org")
        let source = RotatingSource(
            X509Identity(
                svid: try impostor.x509SVID(id: Fixture.ordersID),
                bundles: TrustBundles([self.fixture.authority.bundle])))
        try await withServer(self.fixture.server()) { server async throws in
            #expect(try await call(server.port, self.fixture.client(source)).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }

    @Test("X509-32: a peer whose SVID has expired is refused by the time that was passed in")
    func expired() async throws {
        let source = RotatingSource(
            try self.fixture.authority.x509Identity(id: Fixture.ordersID, lifetime: .seconds(60)))
        let expiry = try source.current().svid.notAfter
        try await withServer(self.fixture.server()) { server async throws in
            #expect(try await call(server.port, self.fixture.client(source)).answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
            self.fixture.time.advance(by: .seconds(61))
            #expect(try await call(server.port, self.fixture.client(source)).answer == nil)
            #expect(
                await server.nextOutcome() == .refused(.untrustedPeer(.expired(position: 0, notAfter: expiry))))
        }
    }

    @Test("a chain with an intermediate is sent and verified")
    func intermediate() async throws {
        let svid = try self.fixture.authority.intermediate().x509SVID(id: Fixture.ordersID)
        let source = RotatingSource(
            X509Identity(svid: svid, bundles: TrustBundles([self.fixture.authority.bundle])))
        try await withServer(self.fixture.server()) { server async throws in
            #expect(try await call(server.port, self.fixture.client(source)).answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))
        }
    }

    @Test("without an identity there is no connection, on either side")
    func noIdentity() async throws {
        let nothing = RotatingSource(nil)
        try await withServer(self.fixture.server(nothing)) { server async throws in
            #expect(try await call(server.port, self.fixture.client()).answer == nil)
            #expect(await server.nextOutcome() == .unavailable)
            #expect(
                try await call(server.port, self.fixture.client(nothing))
                    == Exchange(outcome: .unavailable, answer: nil))
        }
    }

    @Test("an identity that is withdrawn during the handshake leaves nothing to verify the peer with")
    func withdrawnDuringHandshake() async throws {
        let source = OneUseSource(try self.fixture.payments.current())
        try await withServer(self.fixture.server(source)) { server async throws in
            #expect(try await call(server.port, self.fixture.client()).answer == nil)
            #expect(await server.nextOutcome() == .refused(.trustBundlesUnavailable))
        }
    }

    @Test("the peer's event comes before the completed handshake and before any byte")
    func order() async throws {
        let events = Recorded<String>()
        let contexts = self.fixture.server()
        try await withServer({ try contexts.serverHandlers() + [EventRecorder(events)] }) { server async throws in
            _ = try await call(server.port, self.fixture.client())
            _ = await server.nextOutcome()
            #expect(Array(events.values.prefix(3)) == ["peer", "handshake completed", "bytes"])
        }
    }

    @Test("the peer can be read from the channel once the handshake has completed")
    func readFromChannel() async throws {
        try await withServer(self.fixture.server()) { server async throws in
            let contexts = try self.fixture.client()
            let (channel, _) = try await open(server.port, contexts)
            let peer = try #require(try await channel.spiffePeer().get())
            #expect(peer.id == id(Fixture.paymentsID))
            #expect(peer.chain.count == 2)
            try await channel.close()
        }
    }

    @Test("who asks a channel for its peer waits for the handshake, and is told why a peer was refused")
    func waitForPeer() async throws {
        let contexts = try self.fixture.client()
        let choosy = try self.fixture.client(policy: .exactly(id("spiffe://example.org/other")))
        try await withServer(self.fixture.server()) { server async throws in
            let (channel, peer) = try await connect(server.port, contexts)
            #expect(try await peer.get()?.id == id(Fixture.paymentsID))
            #expect(try await channel.spiffePeer().get()?.id == id(Fixture.paymentsID))
            try await channel.close()
            let (_, refused) = try await connect(server.port, choosy)
            await #expect(throws: SPIFFETLSError.unauthorizedPeer(id(Fixture.paymentsID))) { try await refused.get() }
        }
    }

    @Test("who waits for a peer that hangs up is told")
    func waitForNobody() async throws {
        let contexts = try self.fixture.client()
        try await withServer({ [HangUp()] }) { server async throws in
            let (_, peer) = try await connect(server.port, contexts)
            await #expect(throws: (any Error).self) { try await peer.get() }
        }
    }

    @Test("before the handshake has completed there is no peer to read")
    func readTooEarly() async throws {
        let contexts = try self.fixture.client()
        try await withServer(self.fixture.server()) { server async throws in
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(contexts.clientHandlers())
                        #expect(throws: SPIFFETLSError.handshakeIncomplete) {
                            try channel.pipeline.syncOperations.spiffePeer()
                        }
                    }
                }
                .connect(host: "127.0.0.1", port: server.port).get()
            try await channel.close()
        }
    }

    @Test("contexts without an identity of their own cannot serve")
    func anonymousServer() throws {
        let contexts = SPIFFETLSContexts(
            anonymousTrusting: TrustBundles([self.fixture.authority.bundle]), policy: .oneOf([]))
        #expect(throws: SPIFFETLSError.identityMissing) { try contexts.serverHandlers() }
    }
}

/// Has an identity when it is asked first, and none after.
final class OneUseSource: X509SVIDSource {
    private let identity: Mutex<X509Identity?>

    init(_ identity: X509Identity) {
        self.identity = Mutex(identity)
    }

    func current() throws -> X509Identity {
        let identity = self.identity.withLock { identity in
            defer { identity = nil }
            return identity
        }
        guard let identity else { throw RotatingSource.Withdrawn() }
        return identity
    }
}

/// Closes as soon as anything comes.
final class HangUp: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.close(promise: nil)
    }
}

/// Writes down what passes.
final class EventRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let events: Recorded<String>

    init(_ events: Recorded<String>) {
        self.events = events
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is SPIFFEPeerVerified { self.events.append("peer") }
        if case .handshakeCompleted? = event as? TLSUserEvent { self.events.append("handshake completed") }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.events.append("bytes")
        context.fireChannelRead(data)
    }
}
