import FoundationEssentials
import NIOCore
import NIOPosix
import SPIFFE
import SPIFFETLS
import TestSupport

/// A TLS connection to the server on which a test writes what it likes.
struct RawConnection: Sendable {
    private let channel: any Channel
    private let received: AsyncStream<String>

    func send(_ text: String) async throws {
        try await self.channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Reads until a text has come, or the connection has ended, and returns everything since the last call.
    func read(until text: String) async -> String {
        var all = ""
        for await part in self.received {
            all += part
            if all.contains(text) { return all }
        }
        return all
    }

    fileprivate init(_ channel: any Channel, _ received: AsyncStream<String>) {
        self.channel = channel
        self.received = received
    }
}

extension ControlPlaneUnderTest {
    /// - Parameter port: Default: that of the authorization server.
    func withRawConnection(
        as identity: TestIdentity, to port: Int? = nil, applicationProtocol: String = "http/1.1",
        _ body: (RawConnection) async throws -> Void
    ) async throws {
        guard let port = port ?? self.httpsPort else { throw HarnessError.noResult }
        let tls = SPIFFETLSContexts(
            source: identity, policy: .exactly(try self.id("/spire/server")), now: { self.time.now },
            applicationProtocols: [applicationProtocol])
        let (received, continuation) = AsyncStream<String>.makeStream()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        tls.clientHandlers() + [Receiver(continuation)])
                }
            }.connect(host: "127.0.0.1", port: port).get()
        try await body(RawConnection(channel, received))
        try? await channel.close()
    }
}

private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<String>.Continuation

    init(_ continuation: AsyncStream<String>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.continuation.yield(String(buffer: self.unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.continuation.finish()
    }
}
