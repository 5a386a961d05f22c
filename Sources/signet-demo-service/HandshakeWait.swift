import NIOCore
import SPIFFE
import SPIFFETLS

/// Tells a caller who it is connected to as soon as the TLS handshake is done, or why it failed.
final class HandshakeWait: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<VerifiedX509SVID?>

    init(on eventLoop: any EventLoop) {
        self.promise = eventLoop.makePromise()
    }

    /// The peer; fails when the handshake does or the connection ends first.
    var peer: EventLoopFuture<VerifiedX509SVID?> { self.promise.futureResult }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let verified = event as? SPIFFEPeerVerified { self.promise.succeed(verified.peer) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.promise.fail(DemoError.connectionClosed)
    }
}
