import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import SPIFFE
import SPIFFETLS
import SwiftASN1
import X509

/// How one end of a connection came out.
enum Outcome: Sendable, Equatable {
    /// The peer was verified; nil for an anonymous one.
    case peer(SPIFFEID?)
    case refused(SPIFFETLSError)
    /// There was no identity to begin with.
    case unavailable
    /// TLS failed for another reason, or the other end closed.
    case failed
}

/// Notes the outcome of a connection.
final class OutcomeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var report: ((Outcome) -> Void)?

    init(_ report: @escaping (Outcome) -> Void) {
        self.report = report
    }

    private func note(_ outcome: Outcome) {
        self.report?(outcome)
        self.report = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? SPIFFEPeerVerified { self.note(.peer(event.peer?.id)) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.note((error as? SPIFFETLSError).map { .refused($0) } ?? .failed)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.note(.failed)
        context.fireChannelInactive()
    }
}

/// Sends back what comes first, then closes.
final class EchoOnce: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = context.channel
        context.writeAndFlush(data).whenComplete { _ in channel.close(promise: nil) }
    }
}

/// Sends `ping` once the peer is known, and waits for the first answer.
final class Ping: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: EventLoopPromise<String?>

    init(answer: EventLoopPromise<String?>) {
        self.answer = answer
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: "ping\n")), promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.answer.succeed(String(buffer: self.unwrapInboundIn(data)))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer.succeed(nil)
    }
}

/// A server with the given handlers in front of an echo.
struct EchoServer: Sendable {
    let port: Int
    /// The outcomes of its connections, as they become known.
    let outcomes: AsyncStream<Outcome>

    func nextOutcome() async -> Outcome? {
        for await outcome in self.outcomes { return outcome }
        return nil
    }
}

func withServer<Result>(
    _ handlers: @escaping @Sendable () throws -> [any ChannelHandler], _ body: (EchoServer) async throws -> Result
) async throws -> Result {
    let (outcomes, report) = AsyncStream<Outcome>.makeStream()
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                do {
                    try channel.pipeline.syncOperations.addHandlers(handlers())
                } catch {
                    report.yield(.unavailable)
                    throw error
                }
                try channel.pipeline.syncOperations.addHandlers([OutcomeHandler { report.yield($0) }, EchoOnce()])
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let server = EchoServer(port: channel.localAddress?.port ?? 0, outcomes: outcomes)
    do {
        let result = try await body(server)
        try await channel.close()
        return result
    } catch {
        try await channel.close()
        throw error
    }
}

func withServer<Result>(
    _ contexts: SPIFFETLSContexts, _ body: (EchoServer) async throws -> Result
) async throws -> Result {
    try await withServer({ try contexts.serverHandlers() }, body)
}

/// What a client saw.
struct Exchange: Sendable, Equatable {
    let outcome: Outcome
    let answer: String?
}

/// Connects, says `ping` and reads the answer.
func call(
    _ port: Int, _ handlers: @escaping @Sendable () throws -> [any ChannelHandler]
) async throws -> Exchange {
    try await call(
        port,
        secure: { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandlers(handlers()) }
        })
}

func call(
    _ port: Int, secure: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
) async throws -> Exchange {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let outcome = loop.makePromise(of: Outcome.self)
    let answer = loop.makePromise(of: String?.self)
    do {
        _ = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                secure(channel).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandlers([
                        OutcomeHandler { outcome.succeed($0) }, Ping(answer: answer),
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    } catch {
        outcome.succeed(.unavailable)
        answer.succeed(nil)
    }
    return Exchange(outcome: try await outcome.futureResult.get(), answer: try await answer.futureResult.get())
}

func call(_ port: Int, _ contexts: SPIFFETLSContexts) async throws -> Exchange {
    try await call(port) { try contexts.clientHandlers() }
}

/// Connects and says nothing; the handshake goes on.
func connect(
    _ port: Int, _ contexts: SPIFFETLSContexts
) async throws -> (channel: any Channel, peer: EventLoopFuture<VerifiedX509SVID?>) {
    try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers(contexts.clientHandlers())
                return (channel, channel.spiffePeer())
            }
        }
}

/// Connects, says nothing, and returns once the peer is verified.
///
/// The connection is still open.
func open(_ port: Int, _ contexts: SPIFFETLSContexts) async throws -> (channel: any Channel, peer: VerifiedX509SVID?) {
    let (channel, peer) = try await connect(port, contexts)
    return (channel, try await peer.get())
}

/// TLS that shows any chain and believes everything, for peers that follow no rule of ours.
struct LawlessTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameters:
    ///   - credentials: Nil to show no certificate.
    ///   - maximumVersion: The newest version of TLS that it speaks.
    init(_ credentials: Credentials?, maximumVersion: MinimumTLSVersion = .tlsv13) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.maximumTLSVersion = maximumVersion == .tlsv13 ? .tlsv13 : .tlsv12
        configuration.certificateVerification = .none
        if let credentials {
            configuration.certificateChain = try credentials.chain.map {
                .certificate(try NIOSSLCertificate(bytes: $0.derBytes, format: .der))
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: credentials.keyPKCS8DER, format: .der))
        }
        self.context = try NIOSSLContext(configuration: configuration)
    }

    var clientHandlers: @Sendable () throws -> [any ChannelHandler] {
        { [context] in [try NIOSSLClientHandler(context: context, serverHostname: nil)] }
    }

    var serverHandlers: @Sendable () throws -> [any ChannelHandler] {
        { [context] in [NIOSSLServerHandler(context: context)] }
    }
}

extension Certificate {
    var derBytes: [UInt8] {
        get throws { try self.serializeAsPEM().derBytes }
    }
}
