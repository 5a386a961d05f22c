import GRPCNIOTransportHTTP2Posix
import NIOCore
import NIOPosix
import TestSupport
import Testing
import WorkloadAPI

@Suite("A Workload API that is gone without a word", .timeLimit(.minutes(1)))
struct KeepaliveTests {
    @Test("over TCP is missed, and the stream is opened again")
    func silence() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.pipeline.addHandler(SilentServer()) }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let client = WorkloadAPIClient(
            address: try WorkloadAPIAddress(parsing: "tcp://127.0.0.1:\(port)"),
            keepalive: .init(time: .milliseconds(50), timeout: .milliseconds(50), allowWithoutCalls: false),
            instants: ManualInstants().instants, makeGenerator: { SeededRandom(seed: 1) })
        struct Interrupted: Error {}
        await #expect(throws: Interrupted.self) {
            try await client.follow(.x509Context) { update in
                guard case .interrupted(.unavailable) = update else {
                    Issue.record("\(update)")
                    return
                }
                throw Interrupted()
            }
        }
        try await listener.close()
    }

    @Test("is asked no more often than servers of gRPC allow")
    func interval() {
        #expect(HTTP2ClientTransport.Config.Keepalive.workloadAPI.time > .seconds(300))
    }
}

/// Says hello as a server of HTTP/2 does, and nothing ever after.
private final class SilentServer: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        // An empty SETTINGS frame (RFC 9113 §6.5).
        context.writeAndFlush(NIOAny(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0])), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
