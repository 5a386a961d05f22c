import NIOCore

/// Tells, once, that the server has accepted the connection of a client: at its first bytes, then it is gone.
///
/// In TLS 1.3 the handshake of a client completes before the server has judged the client's certificate. What the server
/// has to say, in HTTP/2 its settings, comes only after that. Stands behind the handlers of TLS.
final class AcceptanceHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var onAccepted: (() -> Void)?

    init(_ onAccepted: @escaping () -> Void) {
        self.onAccepted = onAccepted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let onAccepted = self.onAccepted
        self.onAccepted = nil
        context.fireChannelRead(data)
        guard let onAccepted else { return }
        onAccepted()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
