import Glibc
import Logging
import NIOCore
import NIOHTTP2
import NIOPosix

/// A listener that accepts connections.
struct BoundListener: Sendable {
    let channel: any Channel
    let file: UnixSocketFile?
    let address: SocketAddress

    /// Stops accepting and removes the socket's file.
    func close() async {
        self.file?.remove()
        try? await self.channel.close()
    }
}

extension RPCListener {
    /// Connections that the kernel holds until they are accepted; as many as Linux holds without being told otherwise.
    ///
    /// Whoever opens and drops connections as fast as possible fills a shorter queue of a Unix socket, and others who
    /// do not wait for the kernel get EAGAIN then.
    private static let backlog: Int32 = 4_096

    func bind(_ environment: ConnectionEnvironment, on group: any EventLoopGroup) async throws -> BoundListener {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        switch self.address {
        case .unix(let path, let socketMode, let directoryMode):
            try UnixSocketFile.prepareDirectory(of: path, mode: directoryMode)
            try await UnixSocketFile.checkUnused(path, on: group)
            let temporary = UnixSocketFile.temporaryPath(for: path)
            unsafe unlink(temporary)
            let channel: any Channel
            do {
                channel = try await bootstrap.childChannelInitializer { channel in
                    environment.acceptUnix(channel)
                }.bind(unixDomainSocketPath: temporary).get()
            } catch let error as IOError {
                throw UnixSocketError.systemCall("bind", path: path, errno: error.errnoCode)
            }
            do {
                let file = try UnixSocketFile(publishing: path, mode: socketMode)
                return BoundListener(
                    channel: channel, file: file, address: try SocketAddress(unixDomainSocketPath: path))
            } catch {
                try? await channel.close()
                throw error
            }
        case .tcp(let host, let port, let tls):
            let channel: any Channel
            do {
                channel = try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .childChannelInitializer { channel in
                        environment.acceptTLS(channel, tls)
                    }.bind(host: host, port: port).get()
            } catch let error as IOError {
                throw TCPListenError(host: host, port: port, code: error.errnoCode)
            }
            guard let address = channel.localAddress else { throw ChannelError.unknownLocalAddress }
            return BoundListener(channel: channel, file: nil, address: address)
        }
    }
}

extension ConnectionEnvironment {
    /// Prepares an accepted connection of a Unix socket.
    ///
    /// A failure closes it.
    fileprivate func acceptUnix(_ channel: any Channel) -> EventLoopFuture<Void> {
        UnixPeer.of(channel).flatMapThrowing { peer in
            let processes = PeerProcessSource(peer: peer, channel: channel)
            try self.addHandlers(to: channel, key: .uid(peer.uid), peer: .unix(peer), processes: processes, tls: [])
        }
    }

    /// Prepares an accepted TCP connection.
    fileprivate func acceptTLS(_ channel: any Channel, _ tls: RPCListener.TLSHandlers) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let key = PeerKey(remote: channel.remoteAddress)
            try self.addHandlers(to: channel, key: key, peer: nil, processes: nil, tls: tls())
        }
    }

    private func addHandlers(
        to channel: any Channel, key: PeerKey, peer: Peer?, processes: PeerProcessSource?, tls: [any ChannelHandler]
    ) throws {
        guard let number = self.connections.add(channel) else { throw RPCServerError.tooManyConnections }
        guard let quota = self.quotas.openConnection(of: key, limit: self.connectionsPerPeer) else {
            self.connections.remove(channel)
            self.logger.debug("connection refused: the peer has too many", metadata: ["peer": "\(key)"])
            throw RPCServerError.tooManyConnections
        }
        if let peer { self.connections.setPeer(peer, of: channel) }
        let handler = RPCConnectionHandler(
            environment: self, number: number, peer: peer, quota: quota,
            remoteAddress: channel.remoteAddress.map { "\($0.ipAddress ?? ""):\($0.port ?? 0)" } ?? "",
            processes: processes)
        // Whatever becomes of the pipeline: a connection that fails early never becomes inactive.
        channel.closeFuture.assumeIsolated().whenComplete { _ in handler.release(channel) }
        let http2 = NIOHTTP2Handler(
            mode: .server, frameDelegate: handler, connectionConfiguration: self.limits.connectionConfiguration,
            streamConfiguration: self.limits.streamConfiguration)
        try channel.pipeline.syncOperations.addHandlers(tls + [http2, handler])
    }
}

extension RPCLimits {
    /// How many streams that the server reset are remembered for each connection.
    package static let maxRecentlyResetStreams = 500

    /// NIO's limits of a connection.
    ///
    /// Its defaults (100 streams, 200 pings in 30 seconds) break real clients.
    fileprivate var connectionConfiguration: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: self.maxConcurrentStreams),
            HTTP2Setting(parameter: .initialWindowSize, value: InboundWindow.streamBytes),
            // Twice what is accepted, so that a call somewhat above it fails and not its connection.
            HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * self.maxMetadataBytes),
            HTTP2Setting(parameter: .enablePush, value: 0),
        ]
        // NIO keeps a time stamp for each frame of a window. `RPCConnectionHandler` counts instead; a window of a
        // nanosecond holds hardly one.
        configuration.controlFrameRateLimit.windowLength = .nanoseconds(1)
        configuration.controlFrameRateLimit.maximumCount = 64
        configuration.maximumSequentialEmptyDataFrames = 16
        // Frames of a stream that was reset may be on their way, and must not cost the connection. NIO takes 8 bytes for
        // each such stream when the connection begins.
        configuration.maximumRecentlyResetStreams = min(2 * self.maxConcurrentStreams, Self.maxRecentlyResetStreams)
        // Counted over the life of a connection, which may be weeks: the rate below limits them instead.
        configuration.maximumConnectionGlitches = Int.max
        return configuration
    }

    fileprivate var streamConfiguration: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        // NIO counts every reset, also those by which clients end streams; `RPCConnectionHandler` counts the others.
        configuration.streamResetFrameRateLimit.windowLength = .nanoseconds(1)
        configuration.streamResetFrameRateLimit.maximumCount = 64
        configuration.streamErrorRateLimit.windowLength = .seconds(1)
        configuration.streamErrorRateLimit.maximumCount = 200
        return configuration
    }
}
