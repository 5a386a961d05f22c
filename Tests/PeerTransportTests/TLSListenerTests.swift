import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOCore
import NIOPosix
import PeerTransport
import ProtoRPC
import SPIFFE
import SPIFFETLS
import SwiftProtobuf
import TestSupport
import Testing

/// An identity that stays as it is.
private struct FixedIdentity: X509SVIDSource {
    let identity: X509Identity

    func current() throws -> X509Identity { self.identity }
}

extension RPCLimits {
    /// For slow handshakes: beside other tests, in a debug build.
    fileprivate static var patient: RPCLimits {
        var limits = RPCLimits()
        limits.handshakeTimeout = .seconds(50)
        return limits
    }
}

@Suite("TLS", .timeLimit(.minutes(1)))
struct TLSListenerTests {
    private let authority: TestAuthority

    init() throws {
        self.authority = try TestAuthority(trustDomain: "example.org")
    }

    /// TLS of one side, at the time of the test authority.
    private func contexts(_ id: String, protocols: [String] = ["h2"]) throws -> SPIFFETLSContexts {
        let now = self.authority.now
        return SPIFFETLSContexts(
            source: FixedIdentity(identity: try self.authority.x509Identity(id: id)),
            policy: .memberOf(self.authority.trustDomain), now: { now }, applicationProtocols: protocols,
            clientAuthentication: .optional)
    }

    private func anonymous() -> SPIFFETLSContexts {
        let now = self.authority.now
        return SPIFFETLSContexts(
            anonymousTrusting: TrustBundles([self.authority.bundle]), policy: .memberOf(self.authority.trustDomain),
            now: { now }, applicationProtocols: ["h2"])
    }

    /// Runs a server that tells callers who they are.
    private func withServer<Result: Sendable>(
        limits: RPCLimits = RPCLimits(), _ events: Events = Events(),
        _ body: (_ server: RPCServer, _ address: NIOCore.SocketAddress) async throws -> Result
    ) async throws -> Result {
        let tls = try self.contexts("spiffe://example.org/server")
        var routes = RPCRoutes()
        routes.serveEcho(events)
        routes.immediate(EchoMethods.immediate) { request, context in
            if request.value == "address" { return Text(context.remoteAddress) }
            guard case .tls(let svid) = context.peer, context.remoteAddress.hasPrefix("127.0.0.1:") else {
                return Text("nowhere")
            }
            return Text(svid?.id.uri ?? "anonymous")
        }
        routes.unary(EchoMethods.unary) { request, context in
            _ = try await context.openPeerProcess()
            return request
        }
        let server = RPCServer(
            listeners: [
                RPCListener(
                    .tcp(host: "127.0.0.1", port: 0, tls: { try tls.serverHandlers() }), routes: routes, limits: limits)
            ],
            logger: quietLogger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await server.run() } catch is CancellationError {}
            }
            let result = try await body(server, server.boundAddress(of: 0))
            group.cancelAll()
            return result
        }
    }

    private func withClient<Result: Sendable>(
        _ tls: SPIFFETLSContexts, _ address: NIOCore.SocketAddress, _ body: (_ client: Client) async throws -> Result
    ) async throws -> Result {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.channelDebuggingCallbacks.onCreateTCPConnection = { tls.secureClient($0) }
        let transport = try HTTP2ClientTransport.Posix(
            target: .ipv4(address: "127.0.0.1", port: address.port ?? 0), transportSecurity: .plaintext, config: config)
        return try await withGRPCClient(transport: transport, handleClient: body)
    }

    @Test("a client with a certificate is known by its SPIFFE ID")
    func verified() async throws {
        let answer = try await self.withServer { _, address in
            try await self.withClient(self.contexts("spiffe://example.org/client"), address) {
                try await $0.call(EchoMethods.immediate, Text(""))
            }
        }
        #expect(answer == Text("spiffe://example.org/client"))
    }

    @Test("a client without one is anonymous")
    func anonymousClient() async throws {
        let answer = try await self.withServer { _, address in
            try await self.withClient(self.anonymous(), address) { try await $0.call(EchoMethods.immediate, Text("")) }
        }
        #expect(answer == Text("anonymous"))
    }

    @Test("a caller over TCP is no local process")
    func noProcess() async throws {
        let error = try await self.withServer { _, address in
            try await self.withClient(self.anonymous(), address) { client in
                await #expect(throws: RPCError.self) { try await client.call(EchoMethods.unary, Text("")) }
            }
        }
        #expect(error?.code == .failedPrecondition)
    }

    @Test("connections of one SPIFFE ID are closed, others live on")
    func closing() async throws {
        let events = Events()
        try await self.withServer(events) { server, address in
            try await self.withClient(self.contexts("spiffe://example.org/banned"), address) { banned in
                try await self.withClient(self.contexts("spiffe://example.org/other"), address) { other in
                    let before = try await other.call(EchoMethods.immediate, Text("address"))
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            let error = await #expect(throws: RPCError.self) {
                                try await banned.call(EchoMethods.wait, Text(""))
                            }
                            #expect(error?.code == .unavailable || error?.code == .cancelled)
                        }
                        #expect(await events.next() == "waiting")
                        server.closeConnections { peer in
                            guard case .tls(let svid?) = peer else { return false }
                            return svid.id.path == "/banned"
                        }
                        #expect(await events.next() == "cancelled")
                        try await group.waitForAll()
                    }
                    // The same connection as before.
                    #expect(try await other.call(EchoMethods.immediate, Text("address")) == before)
                }
            }
        }
    }

    @Test("a connection that is closed ends its calls and begins no more, whether or not its peer agrees")
    func closingWithoutConsent() async throws {
        let events = Events()
        try await self.withServer(events) { server, address in
            let tls = self.anonymous()
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { tls.secureClient($0) }
                .connect(to: address).get()
            let call = try RawFrame.call(1, EchoMethods.wait.path).bytes
            let message = RawFrame.message([])
            let request = call + RawFrame.data(1, message, end: true).bytes
            try await channel.writeAndFlush(ByteBuffer(bytes: RawFrame.preface + request))
            #expect(await events.next() == "waiting")
            // The peer does not read, so that it does not learn that it is to close.
            try await channel.setOption(.autoRead, value: false).get()
            server.closeConnections { _ in true }
            #expect(await events.next() == "cancelled")
            let next = try RawFrame.call(3, EchoMethods.wait.path).bytes + RawFrame.data(3, message, end: true).bytes
            try? await channel.writeAndFlush(ByteBuffer(bytes: next))
            try? await channel.close()
        }
        events.add("the server has ended")
        #expect(await events.next() == "the server has ended")
    }

    @Test("strangers who take all connections of TCP do not keep the administrator out")
    func reservedConnections() async throws {
        let tls = try self.contexts("spiffe://example.org/server")
        var limits = RPCLimits()
        limits.maxConnections = 8
        limits.handshakeTimeout = .seconds(300)
        var routes = RPCRoutes()
        routes.serveEcho()
        try await withTemporaryDirectory { directory in
            let path = directory.path("run/test.sock")
            let server = RPCServer(
                listeners: [
                    RPCListener(
                        .unix(path: path, socketMode: 0o600, directoryMode: 0o700), routes: routes, limits: limits),
                    RPCListener(
                        .tcp(host: "127.0.0.1", port: 0, tls: { try tls.serverHandlers() }), routes: routes,
                        limits: limits),
                ], logger: quietLogger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do { try await server.run() } catch is CancellationError {}
                }
                let address = try await server.boundAddress(of: 1)
                let (closed, close) = AsyncStream<Void>.makeStream()
                var strangers: [any Channel] = []
                for _ in 0..<8 {
                    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    let stranger = try await bootstrap.connect(to: address).get()
                    stranger.closeFuture.whenComplete { _ in close.yield() }
                    strangers.append(stranger)
                }
                // One peer has a quarter of the six that TCP may have; the others are closed.
                for await _ in closed.prefix(7) {}
                #expect(strangers.count { $0.isActive } == 1)
                try await RawConnection.open(path) { connection in
                    let frame = try await connection.next()
                    #expect(frame?.kind == .settings)
                }
                for stranger in strangers { stranger.close(promise: nil) }
                group.cancelAll()
            }
        }
    }

    @Test("a client that does not negotiate HTTP/2 is closed", arguments: [[], ["http/1.1"]])
    func protocolNegotiation(protocols: [String]) async throws {
        var limits = RPCLimits()
        // Longer than the test may take: a connection without a preface is closed too.
        limits.handshakeTimeout = .seconds(300)
        try await self.withServer(limits: limits) { _, address in
            let tls = try self.contexts("spiffe://example.org/client", protocols: protocols)
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { tls.secureClient($0) }
                .connect(to: address).get()
            try await channel.closeFuture.get()
        }
    }

    @Test("a client that does not complete the handshake is closed")
    func handshakeTimeout() async throws {
        var limits = RPCLimits()
        limits.handshakeTimeout = .milliseconds(50)
        try await self.withServer(limits: limits) { _, address in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(to: address).get()
            try await channel.closeFuture.get()
        }
    }

    @Test(
        "a silent connection is asked whether it is alive; one that answers stays, one that does not is closed")
    func keepalive() async throws {
        var limits = RPCLimits.patient
        limits.keepaliveInterval = .milliseconds(200)
        limits.keepaliveTimeout = .seconds(2)
        try await self.withServer(limits: limits) { _, address in
            try await self.withClient(self.anonymous(), address) { client in
                let tls = self.anonymous()
                let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .channelInitializer { tls.secureClient($0) }
                    .connect(to: address).get()
                async let answers = #expect(throws: RPCError.self) {
                    try await client.call(EchoMethods.wait, Text(""), timeout: .seconds(6))
                }
                // A preface, and then nothing, not even acknowledgements.
                try await silent.writeAndFlush(ByteBuffer(bytes: RawFrame.preface))
                try await silent.closeFuture.get()
                let code = await answers?.code
                #expect(code == .deadlineExceeded)
            }
        }
    }
}
