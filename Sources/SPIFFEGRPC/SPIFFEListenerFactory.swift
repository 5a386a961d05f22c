import GRPCCore
import GRPCNIOTransportHTTP2Posix
import NIOCore
import NIOPosix
import SPIFFETLS

/// Listens on TCP, and puts TLS between workloads in front of each connection.
struct SPIFFEListenerFactory: HTTP2ServerTransport.ListenerFactory {
    let address: GRPCSocketAddress
    let tls: SPIFFETLSContexts
    let peers: ConnectionPeers
    let eventLoopGroup: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup

    func makeListeningChannel(
        listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
        connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    ) async throws -> NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never> {
        let (host, port) = try self.hostAndPort()
        return try await ServerBootstrap(group: self.eventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
            .bind(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(self.tls.serverHandlers())
                    channel.closeUnlessVerified()
                    self.peers.follow(channel)
                }.flatMap {
                    connectionConfigurator.configure(channel: channel, tls: .configured(requireALPN: true))
                }.map { connection in
                    channel.keep(connection)
                    return connection
                }
            }
    }

    private func hostAndPort() throws -> (String, Int) {
        if let ipv4 = self.address.ipv4 { return (ipv4.host, ipv4.port) }
        if let ipv6 = self.address.ipv6 { return (ipv6.host, ipv6.port) }
        throw RuntimeError(code: .transportError, message: "TLS between workloads is served on IPv4 and IPv6 only.")
    }
}
