/// What a peer may use of a server.
///
/// The defaults leave room for every real client that we know.
///
/// A *peer* is a uid on a Unix socket, a SPIFFE ID where a certificate was verified, else a remote IPv4 address or IPv6
/// network (/64).
package struct RPCLimits: Sendable, Hashable {
    /// Calls at once on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    package var maxConcurrentStreams = 2_000
    /// Calls at once of one peer, over all of its connections; further ones are answered RESOURCE_EXHAUSTED.
    ///
    /// A call counts until its handler has ended too, which may be later than the call itself: cancelling calls is no
    /// way to have more handlers run.
    package var maxStreamsPerPeer = 8_192
    /// Connections of one peer; further ones are closed.
    ///
    /// At most a quarter of those that the listener may have.
    package var maxConnectionsPerPeer = 4_096
    /// Connections over all peers and listeners of a server; nil derives it from the limit of open files, two thirds of
    /// which it leaves to others.
    ///
    /// A quarter is for Unix sockets where a server listens at TCP too.
    package var maxConnections: Int?

    /// Size of one request message in bytes; larger ones are answered RESOURCE_EXHAUSTED.
    package var maxRequestBytes = 4 * 1_024 * 1_024
    /// Size of the header fields of a call in bytes, each counted with 32 bytes more (RFC 9113 §6.5.2).
    ///
    /// Calls above it are answered RESOURCE_EXHAUSTED, connections that send twice as much are closed.
    package var maxMetadataBytes = 16 * 1_024
    /// Bytes of a connection held in memory: requests with their header fields until their calls have ended, responses
    /// not yet read by the peer.
    ///
    /// Calls that come on top are answered RESOURCE_EXHAUSTED; a response is sent whole that was begun below it.
    package var maxBufferedBytesPerConnection = 16 * 1_024 * 1_024
    /// The same over all connections of a peer.
    package var maxBufferedBytesPerPeer = 64 * 1_024 * 1_024

    /// Calls that a peer may reset before they are answered within ``unansweredResetWindow``; resets of answered
    /// calls are how clients end streams, and are not counted.
    package var maxUnansweredResets = 4_000
    package var unansweredResetWindow: Duration = .seconds(10)
    /// PING, SETTINGS and PRIORITY frames a second on a connection: gRPC clients ping while they measure bandwidth.
    package var maxControlFramesPerSecond = 10_000
    /// SETTINGS frames a second on a connection, each of which changes the windows of all streams.
    package var maxSettingsFramesPerSecond = 100
    /// Settings in one SETTINGS frame; HTTP/2 defines seven.
    package var maxSettingsPerFrame = 32

    /// From accepting a connection to the end of its TLS handshake and HTTP/2 preface.
    package var handshakeTimeout: Duration = .seconds(5)
    /// How long calls may go on after a graceful shutdown or the end of a connection's age began.
    package var drainTimeout: Duration = .seconds(5)
    /// How long a connection may live before it is asked to go away; nil for as long as it likes.
    package var maxConnectionAge: Duration?
    /// How long a TCP connection may be silent before it is asked whether it is alive; nil never asks.
    package var keepaliveInterval: Duration? = .seconds(60)
    /// How long it then may take to answer.
    package var keepaliveTimeout: Duration = .seconds(20)

    package init() {}
}
