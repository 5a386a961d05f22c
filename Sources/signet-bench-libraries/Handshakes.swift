import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import SPIFFE
import SPIFFETLS
import Synchronization
import TestSupport
import X509

/// How long a mutual TLS handshake between two NIO peers takes: with SPIFFE validation and rotating identities, and with
/// static certificates that NIOSSL verifies itself; and a signature alone.
struct Handshakes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "handshakes")

    /// How many handshakes a round makes of each kind.
    private static let count = 200
    /// The identities of both peers are replaced after so many handshakes.
    private static let rotationPeriod = 20

    @Option(help: "How many times the whole is done; medians count.") var rounds: Int = 9

    private struct Found: Encodable {
        var sign_seconds: [Double] = []
        var spiffe_seconds: [Double] = []
        /// The same, when neither end has ever seen the other's certificate.
        var unknown_seconds: [Double] = []
        var static_seconds: [Double] = []
        var rotations = 0
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let authority = try TestAuthority(trustDomain: "bench.example", now: Date())
        let issuer = try authority.intermediate()
        let server = try RotatingIdentity(issuer: issuer, id: "spiffe://bench.example/payments")
        let client = try RotatingIdentity(issuer: issuer, id: "spiffe://bench.example/orders")
        let spiffe = TLSPair.spiffe(server: server, client: client)
        let fixed = try TLSPair.fixed(
            server: try server.current().svid, client: try client.current().svid, root: authority.certificate)
        var found = Found()
        // The first round warms up.
        for round in 0...self.rounds {
            let signSeconds = try Batch(count: 2_000).signatures()
            let staticSeconds = try await Self.handshakes(fixed, on: loop) { _ in }
            let spiffeSeconds = try await Self.handshakes(spiffe, on: loop) { number in
                guard number % Self.rotationPeriod == 0 else { return }
                try server.rotate()
                try client.rotate()
            }
            let unknownSeconds = try await Self.handshakes(spiffe, on: loop) { _ in
                try server.rotate()
                try client.rotate()
            }
            guard round > 0 else { continue }
            found.sign_seconds.append(signSeconds)
            found.static_seconds.append(staticSeconds)
            found.spiffe_seconds.append(spiffeSeconds)
            found.unknown_seconds.append(unknownSeconds)
            found.rotations += Self.count / Self.rotationPeriod
        }
        try await group.shutdownGracefully()
        try printJSON(found)
    }

    /// The seconds that one of many handshakes takes, one after the other on one thread.
    ///
    /// What `before` does is not counted.
    private static func handshakes(
        _ pair: TLSPair, on loop: any EventLoop, before: (_ number: Int) throws -> Void
    ) async throws -> Double {
        let listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(pair.serverHandlers() + [Greeter()])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let address = listener.localAddress else { throw ValidationError("no address") }
        var total = Duration.zero
        for number in 0..<self.count {
            try before(number)
            let start = ContinuousClock.now
            try await self.handshake(pair, with: address, on: loop).get()
            total += start.duration(to: .now)
        }
        try await listener.close()
        return total.seconds / Double(self.count)
    }

    /// Connects, and ends when the server, which knows its client by then, has said something.
    private static func handshake(
        _ pair: TLSPair, with address: SocketAddress, on loop: any EventLoop
    ) -> EventLoopFuture<Void> {
        let greeted = loop.makePromise(of: Void.self)
        let connected = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(pair.clientHandlers() + [Greeted(greeted)])
                }
            }
            .connect(to: address)
        connected.cascadeFailure(to: greeted)
        return connected.flatMap { channel in
            greeted.futureResult.always { _ in channel.close(promise: nil) }
        }
    }
}

/// An identity whose certificate and key are replaced by others.
private final class RotatingIdentity: X509SVIDSource {
    private let issuer: TestAuthority
    private let id: String
    private let identity: Mutex<X509Identity>

    init(issuer: TestAuthority, id: String) throws {
        self.issuer = issuer
        self.id = id
        self.identity = Mutex(try issuer.x509Identity(id: id))
    }

    func current() throws -> X509Identity { self.identity.withLock { $0 } }

    func rotate() throws {
        let next = try self.issuer.x509Identity(id: self.id)
        self.identity.withLock { $0 = next }
    }
}

/// What secures the two ends of a connection.
private struct TLSPair: Sendable {
    let serverHandlers: @Sendable () throws -> [any ChannelHandler]
    let clientHandlers: @Sendable () throws -> [any ChannelHandler]

    static func spiffe(server: RotatingIdentity, client: RotatingIdentity) -> Self {
        let contexts = { (source: RotatingIdentity) in
            SPIFFETLSContexts(source: source, policy: .predicate { $0.path == "/orders" || $0.path == "/payments" })
        }
        let (server, client) = (contexts(server), contexts(client))
        return Self(
            serverHandlers: { try server.serverHandlers() }, clientHandlers: { try client.clientHandlers() })
    }

    /// The same options of TLS; chains are verified by NIOSSL, up to the root, without host names.
    static func fixed(server: X509SVID, client: X509SVID, root: Certificate) throws -> Self {
        let root = try NIOSSLCertificate(bytes: root.derBytes, format: .der)
        let context = { (svid: X509SVID) in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv13
            configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates([root])
            configuration.certificateChain = try svid.certificates.map {
                .certificate(try NIOSSLCertificate(bytes: $0.derBytes, format: .der))
            }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: svid.privateKeyPKCS8DER, format: .der))
            return try NIOSSLContext(configuration: configuration)
        }
        let (server, client) = (try context(server), try context(client))
        return Self(
            serverHandlers: { [NIOSSLServerHandler(context: server)] },
            clientHandlers: { [try NIOSSLClientHandler(context: client, serverHostname: nil)] })
    }
}

/// Says something when the handshake is complete.
private final class Greeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: [1])), promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Waits to be greeted.
private final class Greeted: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<Void>

    init(_ promise: EventLoopPromise<Void>) {
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.promise.succeed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.promise.fail(ChannelError.eof)
    }
}
