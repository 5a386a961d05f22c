import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import SPIFFE
import TestSupport
import X509

/// Runs `body` with a server that speaks no newer TLS than 1.2 and says nothing.
///
/// - Parameter completed: Is given a value for each handshake that was completed.
func withOldServer(
    _ svid: X509SVID, completed: Recorded<Bool>, _ body: (_ url: String) async throws -> Void
) async throws {
    var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(svid.certificatesPEM.utf8)).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(bytes: svid.privateKeyPKCS8DER, format: .der)))
    configuration.maximumTLSVersion = .tlsv12
    let context = try NIOSSLContext(configuration: configuration)
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([
                    NIOSSLServerHandler(context: context), ClosingOnceSecure(completed),
                ])
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    do {
        try await body("https://127.0.0.1:\(channel.localAddress?.port ?? 0)/")
    } catch {
        try await channel.close()
        throw error
    }
    try await channel.close()
}

/// Notes the end of the handshake, and closes.
private final class ClosingOnceSecure: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let completed: Recorded<Bool>

    init(_ completed: Recorded<Bool>) {
        self.completed = completed
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            self.completed.append(true)
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
