public import FoundationEssentials
public import GRPCCore
public import GRPCNIOTransportHTTP2Posix
public import SPIFFE
public import SPIFFETLS

/// A gRPC server transport over mutual TLS, with an identity that replaces itself and peers known by SPIFFE ID.
///
/// ```swift
/// let server = GRPCServer(
///     transport: .spiffe(
///         address: .ipv4(host: "0.0.0.0", port: 8443), source: identity, policy: .memberOf(trustDomain)),
///     services: [orders])
/// ```
///
/// No call of a peer that is not authorized is ever begun. Who called is `ServerContext.spiffePeer`.
public struct SPIFFEServerTransport: ServerTransport, ListeningServerTransport {
    public typealias Bytes = GRPCNIOTransportBytes

    private let transport: HTTP2ServerTransport.Custom<SPIFFEListenerFactory>
    private let peers: ConnectionPeers

    /// - Parameters:
    ///   - address: Where to listen: an IPv4 or IPv6 address.
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which peers are let in.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - connectionAge: How old a connection may become. Default: as old as it likes. A call that meets the end of
    ///     its connection is refused unread, and is for the caller's retry policy.
    ///   - revokedPeers: Whose connections are refused and ended. Default: nobody's.
    ///   - config: How gRPC is spoken.
    ///   - onRefusedIdentity: Called once for each SVID of the source that cannot be used, on the event loop that came
    ///     upon it; the last good snapshot stays in force. Default: does nothing.
    public init(
        address: SocketAddress, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ServerTransport.Posix.Config = .defaults,
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) {
        let peers = ConnectionPeers()
        self.peers = peers
        self.transport = HTTP2ServerTransport.Custom(
            listenerFactory: SPIFFEListenerFactory(
                address: address,
                tls: SPIFFETLSContexts(
                    source: source, policy: policy, now: now, applicationProtocols: ["h2"],
                    connectionAge: connectionAge, revokedPeers: revokedPeers, onRefusedIdentity: onRefusedIdentity),
                peers: peers),
            config: .init(
                compression: config.compression, connection: config.connection, http2: config.http2, rpc: config.rpc,
                channelDebuggingCallbacks: config.channelDebuggingCallbacks))
    }

    /// Where the server listens, once it does.
    ///
    /// - Throws: `RuntimeError` when it does not any more.
    public var listeningAddress: SocketAddress {
        get async throws {
            guard let address = await self.transport.listeningAddress else {
                throw RuntimeError(code: .serverIsStopped, message: "The server has no address: it does not listen.")
            }
            return address
        }
    }

    public func configure(context: GRPCServerContext) {
        self.transport.configure(context: context)
    }

    public func listen(
        streamHandler:
            @escaping @concurrent @Sendable (_ stream: RPCStream<Inbound, Outbound>, _ context: ServerContext) async ->
            Void
    ) async throws {
        try await self.transport.listen { stream, context in
            guard let peer = self.peers.peer(remote: context.remotePeer, local: context.localPeer) else {
                // The connection has ended meanwhile: nobody is called in the name of nobody.
                let status = Status(code: .unauthenticated, message: "the peer is not known any more")
                try? await stream.outbound.write(.status(status, [:]))
                await stream.outbound.finish()
                return
            }
            var context = context
            context.transportSpecific = SPIFFEPeerContext(peer: peer)
            await streamHandler(stream, context)
        }
    }

    public func beginGracefulShutdown() {
        self.transport.beginGracefulShutdown()
    }
}

extension ServerTransport where Self == SPIFFEServerTransport {
    /// A server transport over mutual TLS between workloads.
    ///
    /// See ``SPIFFEServerTransport/init(address:source:policy:now:connectionAge:revokedPeers:config:onRefusedIdentity:)``.
    public static func spiffe(
        address: SocketAddress, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ServerTransport.Posix.Config = .defaults,
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) -> Self {
        Self(
            address: address, source: source, policy: policy, now: now, connectionAge: connectionAge,
            revokedPeers: revokedPeers, config: config, onRefusedIdentity: onRefusedIdentity)
    }
}

/// An address as gRPC Swift has it; NIO has one of the same name.
typealias GRPCSocketAddress = SocketAddress

/// What the transport tells of a call.
struct SPIFFEPeerContext: ServerContext.TransportSpecific {
    let peer: VerifiedX509SVID
}

extension ServerContext {
    /// The verified peer that makes this call; nil only where the transport is not ``SPIFFEServerTransport``.
    public var spiffePeer: VerifiedX509SVID? {
        (self.transportSpecific as? SPIFFEPeerContext)?.peer
    }
}
