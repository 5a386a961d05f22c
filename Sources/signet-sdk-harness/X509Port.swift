import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import ServiceLifecycle

/// A TLS server that tells each client its SPIFFE ID.
struct X509Port: Service {
    /// How long a connection may take.
    static let timeout: TimeAmount = .seconds(10)

    let tls: SPIFFETLSContexts
    let opened: @Sendable (_ port: Int?) -> Void

    /// Serves until the task is cancelled or the service is gracefully shut down.
    func run() async throws {
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(self.tls.serverHandlers())
                    try channel.pipeline.syncOperations.addHandler(PeerNaming())
                    let deadline = channel.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
                    channel.closeFuture.whenComplete { _ in deadline.cancel() }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.opened(listener.localAddress?.port)
        try? await gracefulShutdown()
        try await listener.close()
    }
}

/// Writes the SPIFFE ID of a verified peer and a newline, and closes; a refused one is written nothing.
final class PeerNaming: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let verified = event as? SPIFFEPeerVerified, let peer = verified.peer {
            let channel = context.channel
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: "\(peer.id.uri)\n")))
                .whenComplete { _ in channel.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Nothing is asked here.
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
