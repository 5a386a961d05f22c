public import FoundationEssentials
public import HummingbirdCore
public import NIOCore
public import SPIFFE
public import SPIFFETLS

extension HTTPServerBuilder {
    /// How long a connection may say nothing unless the caller says otherwise: a minute and a half.
    ///
    /// Longer than clients keep a connection for their next request (AsyncHTTPClient for a minute, from when the answer
    /// has come): a client that calls once a minute would meet the end of its connection otherwise, and its request
    /// would fail.
    public static let spiffeIdleTimeout: TimeAmount = .seconds(90)

    /// An HTTP/1.1 server over mutual TLS, with an identity that replaces itself and peers known by SPIFFE ID.
    ///
    /// ```swift
    /// let app = Application(router: router, server: .spiffe(source: identity, policy: .exactly(orders)))
    /// ```
    ///
    /// No request of a peer that is not authorized is ever read. Who sent a request is in ``SPIFFERequestContext`` and
    /// in ``SPIFFEConnection/peer``.
    ///
    /// - Parameters:
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which peers are let in.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - minimumVersion: The oldest version of TLS. Default: 1.3.
    ///   - connectionAge: How old a connection may become. Default: as old as it likes.
    ///   - revokedPeers: Whose connections are refused and ended. Default: nobody's.
    ///   - configuration: How HTTP/1.1 is spoken. Default: a connection that says nothing for
    ///     ``spiffeIdleTimeout`` is closed.
    ///   - onRefusedIdentity: Called once for each SVID of the source that cannot be used, on the event loop that came
    ///     upon it; the last good snapshot stays in force. Default: does nothing.
    public static func spiffe(
        source: any X509SVIDSource, policy: PeerPolicy, now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        configuration: HTTP1Channel.Configuration = .init(idleTimeout: spiffeIdleTimeout),
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) -> HTTPServerBuilder {
        let tls = SPIFFETLSContexts(
            source: source, policy: policy, now: now, minimumVersion: minimumVersion,
            applicationProtocols: ["http/1.1"], connectionAge: connectionAge, revokedPeers: revokedPeers,
            onRefusedIdentity: onRefusedIdentity)
        return .spiffe(tls: { try tls.serverHandlers() }, configuration: configuration)
    }

    /// An HTTP/1.1 server with the TLS of one's own, whose peers may also be anonymous.
    ///
    /// - Parameter tls: The handlers for one accepted connection; ``SPIFFETLS`` makes them.
    package static func spiffe(
        tls: @escaping @Sendable () throws -> [any ChannelHandler], configuration: HTTP1Channel.Configuration
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            SPIFFEChannel(tls: tls, base: HTTP1Channel(responder: responder, configuration: configuration))
        }
    }
}
