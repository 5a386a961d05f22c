import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import JOSE
import NIOCore
import NIOHTTP1
import NIOPosix
import ProtoRPC
import SPIFFE
import SPIFFETLS
import SwiftProtobuf
import TestSupport

/// What an endpoint answered.
struct HTTPSReply: Sendable {
    let status: UInt
    /// The values of each header field.
    let headers: Headers
    let body: [UInt8]

    /// The members of the body; empty where it is no JSON object.
    var members: JSONObject {
        (try? JSON.parse(self.body, maxBytes: 1_000_000))?.object ?? [:]
    }

    var error: String? { self.members["error"]?.string }
}

struct Headers: Sendable {
    private let fields: HTTPHeaders

    init(_ fields: HTTPHeaders) {
        self.fields = fields
    }

    subscript(name: String) -> [String] { self.fields[name] }
}

/// A form as a client sends it: parameters in their order.
struct Form: ExpressibleByDictionaryLiteral, Sendable {
    private var pairs: [(String, String)]

    init(dictionaryLiteral elements: (String, String)...) {
        self.pairs = elements
    }

    /// The form with another parameter at its end.
    func and(_ name: String, _ value: String) -> Form {
        var form = self
        form.pairs.append((name, value))
        return form
    }

    func without(_ name: String) -> Form {
        var form = self
        form.pairs.removeAll { $0.0 == name }
        return form
    }

    /// The form with another value, which it has once.
    func with(_ name: String, _ value: String) -> Form {
        self.without(name).and(name, value)
    }

    var text: String {
        self.pairs.map { "\(Self.encoded($0.0))=\(Self.encoded($0.1))" }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                String(UnicodeScalar(byte))
            default: "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
        }.joined()
    }
}

extension ControlPlaneUnderTest {
    static let formType = "application/x-www-form-urlencoded"

    /// Posts a form to an endpoint; nil presents no certificate.
    func post(
        _ form: Form, to path: String = "/oauth2/token", as identity: TestIdentity?, headers: [(String, String)] = []
    ) async throws -> HTTPSReply {
        try await self.https(
            "POST", path, as: identity, headers: [("Content-Type", Self.formType)] + headers, body: form.text)
    }

    /// One request on a connection of its own.
    func https(
        _ method: String, _ path: String, as identity: TestIdentity? = nil, headers: [(String, String)] = [],
        body: String = ""
    ) async throws -> HTTPSReply {
        let server = try PeerPolicy.exactly(self.id("/spire/server"))
        let now: @Sendable () -> Date = { self.time.now }
        let tls =
            if let identity {
                SPIFFETLSContexts(source: identity, policy: server, now: now, applicationProtocols: ["http/1.1"])
            } else {
                SPIFFETLSContexts(
                    anonymousTrusting: self.bundles, policy: server, now: now, applicationProtocols: ["http/1.1"])
            }
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.any().makePromise(of: HTTPSReply.self)
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: path)
        head.headers = HTTPHeaders([("Host", "tokens.example.org")] + headers)
        if method == "POST" { head.headers.add(name: "Content-Length", value: "\(body.utf8.count)") }
        let request = head
        guard let port = self.httpsPort else { throw HarnessError.noResult }
        let channel = try await ClientBootstrap(group: promise.futureResult.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandlers(tls.clientHandlers())
                    try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
                    try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: 1_000_000))
                    try pipeline.addHandler(Exchange(request, ByteBuffer(string: body), promise))
                }
            }.connect(host: "127.0.0.1", port: port).get()
        let reply = try await promise.futureResult.get()
        try? await channel.close()
        return reply
    }

    /// A JWT-SVID of the control plane's own.
    func assertion(_ path: String, audience: [String] = ["https://tokens.example.org"], ttl: Int32 = 60) async throws
        -> String
    {
        try await self.local { client async throws in
            try await client.call(
                SVIDMethods.mintJWTSVID,
                .with {
                    $0.id = .init(path)
                    $0.audience = audience
                    $0.ttl = ttl
                }
            ).svid.token
        }
    }
}

/// Sends a request when the connection is there, and takes the answer.
private final class Exchange: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let body: ByteBuffer
    private let promise: EventLoopPromise<HTTPSReply>

    init(_ head: HTTPRequestHead, _ body: ByteBuffer, _ promise: EventLoopPromise<HTTPSReply>) {
        self.head = head
        self.body = body
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(self.wrapOutboundOut(.head(self.head)), promise: nil)
        if self.body.readableBytes > 0 {
            context.write(self.wrapOutboundOut(.body(.byteBuffer(self.body))), promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = self.unwrapInboundIn(data)
        self.promise.succeed(
            HTTPSReply(
                status: response.head.status.code, headers: Headers(response.head.headers),
                body: response.body.map { Array($0.readableBytesView) } ?? []))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.promise.fail(ChannelError.ioOnClosedChannel)
    }
}
