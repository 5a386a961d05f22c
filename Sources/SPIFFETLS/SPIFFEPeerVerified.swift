public import NIOCore
public import SPIFFE

/// The user inbound event that says who is on the other end of a TLS connection.
///
/// Fired once a connection, before `TLSUserEvent.handshakeCompleted` and before any byte of the application. A
/// connection that never fires it was refused.
public struct SPIFFEPeerVerified: Sendable, Hashable {
    /// The validated X509-SVID of the peer; nil for an anonymous one, which only a server that asks for client
    /// certificates without requiring them ever sees.
    public let peer: VerifiedX509SVID?

    package init(_ peer: VerifiedX509SVID?) {
        self.peer = peer
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// The validated X509-SVID of the peer; nil for an anonymous one.
    ///
    /// - Throws: ``SPIFFETLSError/handshakeIncomplete`` before the handshake has completed and when it was refused;
    ///   `ChannelPipelineError.notFound` where the channel has no handlers of ``SPIFFETLSContexts``.
    public func spiffePeer() throws -> VerifiedX509SVID? {
        try self.handler(type: SPIFFEPeerHandler.self).establishedPeer()
    }
}

extension Channel {
    /// The validated X509-SVID of the peer, as soon as the TLS handshake has completed; nil for an anonymous one.
    ///
    /// Callable from anywhere, and best in the channel's initializer: a channel that is closed knows nothing any more.
    /// It waits as long as the handshake does; whoever connects sets the time for that.
    ///
    /// Fails with the ``SPIFFETLSError`` for which the peer was refused, with what else ended the handshake, and with
    /// ``SPIFFETLSError/handshakeIncomplete`` when the connection ended before; with `ChannelPipelineError.notFound`
    /// where the channel has no handlers of ``SPIFFETLSContexts``.
    public func spiffePeer() -> EventLoopFuture<VerifiedX509SVID?> {
        self.eventLoop.flatSubmit {
            do {
                return try self.pipeline.syncOperations.handler(type: SPIFFEPeerHandler.self)
                    .peerOfHandshake(on: self.eventLoop)
            } catch {
                return self.eventLoop.makeFailedFuture(error)
            }
        }
    }
}
