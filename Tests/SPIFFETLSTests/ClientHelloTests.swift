import NIOCore
import NIOPosix
import SPIFFETLS
import TestSupport
import Testing

@Suite("What a client offers", .timeLimit(.minutes(1)))
struct ClientHelloTests {
    /// The first bytes a client sends.
    private func clientHello(_ contexts: SPIFFETLSContexts) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let hello = loop.makePromise(of: [UInt8].self)
        let listener = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstBytes(promise: hello))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        _ = try await call(listener.localAddress?.port ?? 0, contexts)
        try await listener.close()
        return try await hello.futureResult.get()
    }

    @Test("X25519MLKEM768 is the first of the key exchange groups, then X25519, P-256 and P-384")
    func groups() async throws {
        let hello = try await self.clientHello(Fixture().client())
        // Extension 10 of ten bytes: a list of eight.
        let groups: [UInt8] = [0, 10, 0, 10, 0, 8, 0x11, 0xEC, 0x00, 0x1D, 0x00, 0x17, 0x00, 0x18]
        #expect(hello.contains(groups))
    }

    @Test("TLS 1.3 only")
    func versions() async throws {
        let hello = try await self.clientHello(Fixture().client())
        // Extension 43 of three bytes: a list of one version.
        #expect(hello.contains([0, 43, 0, 3, 2, 0x03, 0x04]))
    }
}

/// Keeps what comes first, and closes.
final class FirstBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<[UInt8]>

    init(promise: EventLoopPromise<[UInt8]>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.promise.succeed(Array(self.unwrapInboundIn(data).readableBytesView))
        context.close(promise: nil)
    }
}
