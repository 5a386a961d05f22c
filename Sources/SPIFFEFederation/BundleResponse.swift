import NIOCore
import NIOHTTP1
import NIOSSL
import SPIFFE
import SPIFFETLS

/// What a bundle endpoint answered.
struct BundleResponse: Sendable {
    /// The most bytes that are read of a connection: the longest document, and 64 KiB around it.
    static let maxBytes = TrustBundle.maxDocumentBytes + 65_536

    let status: Int
    /// Where it redirects to.
    let location: String?
    let body: [UInt8]
}

/// Refuses connections that bring more bytes than they may.
final class ByteLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var remaining: Int

    init(bytes: Int) {
        self.remaining = bytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.remaining -= self.unwrapInboundIn(data).readableBytes
        guard self.remaining >= 0 else {
            context.fireErrorCaught(BundleFetchError.tooLong)
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }
}

/// Asks for the bundle once the server has proved who it is, and collects the answer.
final class BundleRequest: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let url: BundleEndpointURL
    private let response: EventLoopPromise<BundleResponse>
    private var head: HTTPResponseHead?
    private var body: [UInt8] = []
    private var isAnswered = false

    init(url: BundleEndpointURL, response: EventLoopPromise<BundleResponse>) {
        self.url = url
        self.response = response
    }

    func channelActive(context: ChannelHandlerContext) {
        // TLS holds this back until the handshake has completed.
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: self.url.target,
            headers: [
                "Host": self.url.hostField, "Accept": "application/json", "User-Agent": "signet",
                "Connection": "close",
            ])
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            // 1xx is followed by the answer itself.
            if head.status.code >= 200 { self.head = head }
        case .body(let part):
            guard self.body.count + part.readableBytes <= TrustBundle.maxDocumentBytes else {
                self.fail(.tooLong, context)
                return
            }
            self.body += Array(part.readableBytesView)
        case .end:
            guard let head = self.head else { return }
            if let coding = head.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
                self.fail(.encoded(String(coding.prefix(64))), context)
                return
            }
            self.answer(
                .success(
                    BundleResponse(
                        status: Int(head.status.code), location: head.headers.first(name: "location"),
                        body: self.body)))
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as BundleFetchError: self.fail(error, context)
        case is HTTPParserError: self.fail(.malformedResponse, context)
        case is NIOSSLError, is NIOSSLExtraError, is SPIFFETLSError, is WebServerNotNamed:
            self.fail(.serverRefused("\(error)"), context)
        default: self.fail(.connectionFailed("\(error)"), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.answer(.failure(.connectionFailed("the server closed it before its answer was complete")))
        context.fireChannelInactive()
    }

    private func fail(_ error: BundleFetchError, _ context: ChannelHandlerContext) {
        self.answer(.failure(error))
        context.close(promise: nil)
    }

    private func answer(_ result: Result<BundleResponse, BundleFetchError>) {
        guard !self.isAnswered else { return }
        self.isAnswered = true
        self.response.completeWith(result.mapError { $0 as any Error })
    }
}
