import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import Rotation
import SPIFFE
import TestSupport
import X509

/// An HTTPS server that answers each request target with bytes that a test chose, and says what it was asked.
final class ScriptedEndpoint: Sendable {
    /// A certificate, its issuers but the root, and its key.
    struct Identity {
        let chain: [Certificate]
        let keyPKCS8DER: [UInt8]
    }

    let port: Int
    /// The heads of the requests, one string each.
    let requests: Recorded<String>
    private let answers: Recorded<(target: String, bytes: [UInt8])>
    private let count: Watched<Int>
    private let channel: any Channel

    static func start(_ identity: Identity, minimum: TLSVersion = .tlsv12, maximum: TLSVersion? = nil) async throws
        -> ScriptedEndpoint
    {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try identity.chain.map {
                .certificate(try NIOSSLCertificate(bytes: Array($0.derBytes), format: .der))
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: identity.keyPKCS8DER, format: .der)))
        configuration.minimumTLSVersion = minimum
        configuration.maximumTLSVersion = maximum
        let context = try NIOSSLContext(configuration: configuration)
        let requests = Recorded<String>()
        let answers = Recorded<(target: String, bytes: [UInt8])>()
        let count = Watched(0)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: context),
                        Answering(requests: requests, count: count, answers: answers),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ScriptedEndpoint(channel: channel, requests: requests, count: count, answers: answers)
    }

    private init(
        channel: any Channel, requests: Recorded<String>, count: Watched<Int>,
        answers: Recorded<(target: String, bytes: [UInt8])>
    ) {
        self.channel = channel
        self.count = count
        self.port = channel.localAddress?.port ?? 0
        self.requests = requests
        self.answers = answers
    }

    /// What requests for a target are answered with from now on; the connection is closed then.
    func answer(_ target: String, with bytes: [UInt8]) {
        self.answers.append((target, bytes))
    }

    func answer(_ target: String, status: Int = 200, fields: [String] = [], body: [UInt8] = []) {
        let head = ["HTTP/1.1 \(status) X", "Content-Length: \(body.count)"] + fields
        self.answer(target, with: Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
    }

    /// Returns once there were this many requests since the start.
    func waitForRequests(_ count: Int) async {
        for await requests in self.count.updates() where requests >= count { return }
    }

    func stop() async throws {
        try await self.channel.close()
    }
}

/// Answers one request with what was chosen last for its target; with nothing at all where nothing was.
private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let requests: Recorded<String>
    private let count: Watched<Int>
    private let answers: Recorded<(target: String, bytes: [UInt8])>
    private var head = ""

    init(
        requests: Recorded<String>, count: Watched<Int>, answers: Recorded<(target: String, bytes: [UInt8])>
    ) {
        self.requests = requests
        self.count = count
        self.answers = answers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.head += String(buffer: self.unwrapInboundIn(data))
        guard self.head.hasSuffix("\r\n\r\n") else { return }
        self.requests.append(self.head)
        self.count.publish(self.requests.values.count)
        let target = self.head.split(separator: " ")[1]
        guard let answer = self.answers.values.last(where: { $0.target == target }) else { return }
        let channel = context.channel
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: answer.bytes))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
