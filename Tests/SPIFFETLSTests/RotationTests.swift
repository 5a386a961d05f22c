import NIOCore
import NIOPosix
import NIOSSL
import SPIFFE
import SPIFFETLS
import TestSupport
import Testing

@Suite("Rotation of identities", .timeLimit(.minutes(1)))
struct RotationTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    /// The serial number of the certificate that the server shows now.
    private func serialShown(by server: EchoServer, to client: SPIFFETLSContexts) async throws -> String? {
        let (channel, peer) = try await open(server.port, client)
        try await channel.close()
        return peer?.serialNumber
    }

    @Test("a new connection gets the new SVID without a restart")
    func newSVID() async throws {
        let client = try self.fixture.client()
        try await withServer(self.fixture.server()) { server async throws in
            let first = try await self.serialShown(by: server, to: client)
            self.fixture.payments.rotate(to: try self.fixture.authority.x509Identity(id: Fixture.paymentsID))
            let second = try await self.serialShown(by: server, to: client)
            #expect(first != nil)
            #expect(second != nil)
            #expect(first != second)
        }
    }

    @Test("an established connection lives on when the identity rotates")
    func establishedConnection() async throws {
        let client = try self.fixture.client()
        try await withServer(self.fixture.server()) { server async throws in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let answer = loop.makePromise(of: String?.self)
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers(client.clientHandlers())
                        try channel.pipeline.syncOperations.addHandler(Silent(answer: answer))
                    }
                }
                .connect(host: "127.0.0.1", port: server.port).get()
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))

            let other = try TestAuthority(trustDomain: "example.org")
            self.fixture.payments.rotate(to: try other.x509Identity(id: Fixture.paymentsID))
            try await channel.writeAndFlush(ByteBuffer(string: "still here\n"))
            #expect(try await answer.futureResult.get() == "still here\n")
        }
    }

    @Test("WAPI-34: once an authority is gone from the bundle, its SVIDs are refused on new connections")
    func removedAuthority() async throws {
        let next = try TestAuthority(trustDomain: "example.org")
        let both = TrustBundle(
            trustDomain: next.trustDomain,
            x509Authorities: self.fixture.authority.bundle.x509Authorities + next.bundle.x509Authorities)
        let payments = try next.x509SVID(id: Fixture.paymentsID)
        self.fixture.orders.rotate(
            to: X509Identity(svid: try self.fixture.orders.current().svid, bundles: TrustBundles([both])))

        self.fixture.payments.rotate(to: X509Identity(svid: payments, bundles: TrustBundles([both])))
        try await withServer(self.fixture.server()) { server async throws in
            #expect(try await call(server.port, self.fixture.client()).answer == "ping\n")
            #expect(await server.nextOutcome() == .peer(id(Fixture.ordersID)))

            self.fixture.payments.rotate(to: X509Identity(svid: payments, bundles: TrustBundles([next.bundle])))
            #expect(try await call(server.port, self.fixture.client()).answer == nil)
            #expect(await server.nextOutcome() == .refused(.untrustedPeer(.invalidSignature(position: 0))))
        }
    }
}

/// Waits for an answer and says nothing.
final class Silent: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<String?>

    init(answer: EventLoopPromise<String?>) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.answer.succeed(String(buffer: self.unwrapInboundIn(data)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.succeed(nil)
    }
}
