import NIOCore
import NIOPosix
import SPIFFE
package import SPIFFETLS

/// Connects as a client with the library's identity, to say who answers.
package struct Dialer: Sendable {
    /// How long connecting may take, and the handshake.
    static let timeout: TimeAmount = .seconds(10)

    /// The handshake failed by other means than a verdict of the library's own: the peer refused it or went away.
    struct HandshakeFailed: Error {
        let cause: any Error
    }

    let tls: SPIFFETLSContexts

    package init(tls: SPIFFETLSContexts) {
        self.tls = tls
    }

    /// The SPIFFE ID of the server at an address, `127.0.0.1:8443` or `[::1]:8443`.
    func dial(_ address: String) async throws -> SPIFFEID {
        let (host, port) = try Self.parse(address)
        let (channel, peer) = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(Self.timeout)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(self.tls.clientHandlers())
                    try channel.pipeline.syncOperations.addHandler(ClosingAtError())
                    return (channel, channel.spiffePeer())
                }
            }
        let deadline = channel.eventLoop.scheduleTask(in: Self.timeout) { channel.close(promise: nil) }
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        do {
            guard let peer = try await peer.get() else { throw SPIFFETLSError.peerCertificateMissing }
            return peer.id
        } catch let error as SPIFFETLSError {
            throw error
        } catch {
            throw HandshakeFailed(cause: error)
        }
    }

    private static func parse(_ address: String) throws -> (host: String, port: Int) {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
            (1...65_535).contains(port)
        else { throw ControlRequestError(reason: "the address has no port") }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw ControlRequestError(reason: "the address has no host") }
        return (String(host), port)
    }
}

/// Closes a connection at the first error.
final class ClosingAtError: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
