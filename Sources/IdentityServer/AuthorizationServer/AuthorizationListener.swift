import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import PeerTransport
import Rotation
import SPIFFE
import SPIFFEHummingbird
import SPIFFETLS
import ServiceLifecycle

/// The authorization server's listener: HTTP/1.1 over TLS, client certificates optional.
///
/// Every connection has its limits: on the handshake, on idling, on heads and bodies, and on its age.
struct AuthorizationListener: Sendable {
    /// Connections that do nothing are closed after this time.
    ///
    /// Later than clients drop them from their pools, commonly after 60 seconds: one that uses a connection until then
    /// does not find it closed under its request.
    static let idleTimeout: Duration = .seconds(90)
    /// How long the body of a request may take.
    static let bodyTimeout: Duration = .seconds(10)
    /// How old a connection may become, whatever its peer does.
    static let connectionAge = ConnectionAge(maximum: .seconds(600), grace: .seconds(10))
    /// The most connections, a sixth of the files that may be open.
    static let maxConnections = min(1_024, max(16, OpenFiles.limit / 6))
    /// The most connections of one IPv4 address or IPv6 network (/64).
    static let maxConnectionsPerNetwork = Self.maxConnections / 4
    /// All header fields of a request, one of them, and how many there may be.
    static let maxHeaderBytes = 16_384
    static let maxHeaderFieldBytes = 8_192
    static let maxHeaderFields = 64

    let server: AuthorizationServer
    let host: String
    let port: Int
    let tls: @Sendable () throws -> [any ChannelHandler]
    let instants: Instants
    let logger: Logger

    /// Serves until shutdown.
    ///
    /// - Parameter bound: Called with the port once it listens.
    /// - Throws: `TCPListenError` when it cannot listen.
    func run(_ bound: @escaping @Sendable (_ port: Int) -> Void) async throws {
        let service = try HTTPServerBuilder.spiffe(tls: self.tls, configuration: Self.http).buildServer(
            configuration: ServerConfiguration(
                address: .hostname(self.host, port: self.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maxConnections)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: self.logger,
            responder: { request, writer, channel in
                let answer = await self.answer(request)
                var head = answer.head
                head.headerFields[.date] = HTTPDate.text(self.instants.now())
                try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
                if answer.endsConnection { try? await channel.close() }
            },
            onServerRunning: { channel in
                bound(channel.localAddress?.port ?? self.port)
            })
        do {
            try await service.run()
        } catch let error as IOError {
            throw TCPListenError(host: self.host, port: self.port, code: error.errnoCode)
        }
    }

    private static var http: HTTP1Channel.Configuration {
        HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(Self.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Self.maxHeaderFieldBytes, maxHeaderListSize: Self.maxHeaderBytes,
                maxHeaderFieldCount: Self.maxHeaderFields))
    }

    private func answer(_ request: Request) async -> OAuthAnswer {
        let endpoint: AuthorizationServer.Endpoint
        switch self.server.target(of: request.head) {
        case .answer(let answer): return answer
        case .form(let form): endpoint = form
        }
        let peer = SPIFFEConnection.peer
        do {
            let body = try await self.read(request.body)
            return await self.server.answer(endpoint, request.head, body: body, peer: peer)
        } catch {
            return self.server.refuseBody(endpoint, request.head, error as? BodyFailure ?? .aborted, peer: peer)
        }
    }

    /// Reads a body of the size and in the time that it may have.
    private func read(_ body: RequestBody) async throws -> [UInt8] {
        do {
            return try await self.instants.withTimeLimit(Self.bodyTimeout) {
                var bytes: [UInt8] = []
                for try await buffer in body {
                    guard bytes.count + buffer.readableBytes <= FormParameters.maxBytes else {
                        throw BodyFailure.tooLong
                    }
                    bytes += buffer.readableBytesView
                }
                return bytes
            }
        } catch is TimeLimitExceeded {
            throw BodyFailure.tooSlow
        }
    }
}
