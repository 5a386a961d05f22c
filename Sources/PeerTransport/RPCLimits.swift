/// What a peer may use of a server.
///
/// The defaults leave room for every real client that we know.
///
/// A *peer* is a uid on a Unix socket, a SPIFFE ID where a certificate was verified, else a remote IP address.
package struct RPCLimits: Sendable, Hashable {
    /// Calls at once on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    package var maxConcurrentStreams = 2_000
    /// Calls at once of one peer, over all of its connections; further ones are answered RESOURCE_EXHAUSTED.
    package var maxStreamsPerPeer = 8_192
    /// Connections of one peer; further ones are closed.
    package var maxConnectionsPerPeer = 4_096
    /// Connections over all peers; nil derives it from the limit of open files, half of which it leaves to others.
    package var maxConnections: Int?

    /// Size of one request message in bytes; larger ones are answered RESOURCE_EXHAUSTED.
    package var maxRequestBytes = 4 * 1_024 * 1_024
    /// Size of the header fields of a call in bytes, each counted with 32 bytes more (RFC 9113 §6.5.2).
    ///
    /// Calls above it are answered RESOURCE_EXHAUSTED, connections that send twice as much are closed.
    package var maxMetadataBytes = 16 * 1_024
    /// Bytes of a connection held in memory: requests not yet taken by a handler, responses not yet read by the peer.
    package var maxBufferedBytesPerConnection = 16 * 1_024 * 1_024
    /// The same over all connections of a peer.
    package var maxBufferedBytesPerPeer = 64 * 1_024 * 1_024
    /// Calls that wait for a task to run them, over all peers.
    package var maxWaitingCalls = 16_384

    /// Calls that a connection may reset before they are answered within ``unansweredResetWindow``; resets of answered
    /// calls are how clients end streams, and are not counted.
    package var maxUnansweredResets = 4_000
    package var unansweredResetWindow: Duration = .seconds(10)
    /// PING, SETTINGS and PRIORITY frames a second on a connection: gRPC clients ping while they measure bandwidth.
    package var maxControlFramesPerSecond = 10_000

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
