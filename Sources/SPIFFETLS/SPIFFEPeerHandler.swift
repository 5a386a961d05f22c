import NIOCore
import NIOSSL
import NIOTLS
import SPIFFE

/// Decides about the peer of one connection, and lets nothing of the application through before it has.
///
/// Stands behind the TLS handler. A full handshake asks it to verify the chain the peer presented. A resumed one does
/// not, so when a handshake completes without a verified chain the peer's certificate is validated here, or the
/// connection is closed.
final class SPIFFEPeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum State {
        case handshaking
        /// The chain is verified, the handshake goes on.
        case verified(VerifiedX509SVID)
        case established(VerifiedX509SVID?)
        case refused(SPIFFETLSError)
    }

    private let verification: PeerVerification
    private let requiresCertificate: Bool
    private var state: State = .handshaking
    /// Those who asked for the peer before it was known.
    private var waiting: [EventLoopPromise<VerifiedX509SVID?>] = []

    init(verification: PeerVerification, requiresCertificate: Bool) {
        self.verification = verification
        self.requiresCertificate = requiresCertificate
    }

    /// Answers the TLS handler about the chain the peer presented.
    ///
    /// Called at most once a connection, on its event loop.
    func verify(_ presented: [NIOSSLCertificate], answer: EventLoopPromise<NIOSSLVerificationResult>) {
        do throws(SPIFFETLSError) {
            self.state = .verified(try self.verification.verify(presented))
            answer.succeed(.certificateVerified)
        } catch {
            self.state = .refused(error)
            answer.succeed(.failed)
        }
    }

    func establishedPeer() throws(SPIFFETLSError) -> VerifiedX509SVID? {
        guard case .established(let peer) = self.state else { throw .handshakeIncomplete }
        return peer
    }

    /// The peer, once the handshake has completed; fails when it does not.
    func peerOfHandshake(on eventLoop: any EventLoop) -> EventLoopFuture<VerifiedX509SVID?> {
        switch self.state {
        case .established(let peer):
            return eventLoop.makeSucceededFuture(peer)
        case .refused(let reason):
            return eventLoop.makeFailedFuture(reason)
        case .handshaking, .verified:
            let promise = eventLoop.makePromise(of: VerifiedX509SVID?.self)
            self.waiting.append(promise)
            return promise.futureResult
        }
    }

    /// Tells those who wait how the handshake came out.
    private func answerWaiting(_ outcome: Result<VerifiedX509SVID?, any Error>) {
        let waiting = self.waiting
        self.waiting = []
        for promise in waiting { promise.completeWith(outcome) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted? = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        do throws(SPIFFETLSError) {
            let peer = try self.peerOfCompletedHandshake(in: context)
            try self.establish(peer, in: context)
            self.answerWaiting(.success(peer))
            context.fireUserInboundEventTriggered(SPIFFEPeerVerified(peer))
            context.fireUserInboundEventTriggered(event)
        } catch {
            self.state = .refused(error)
            self.answerWaiting(.failure(error))
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    private func establish(_ peer: VerifiedX509SVID?, in context: ChannelHandlerContext) throws(SPIFFETLSError) {
        self.state = .established(peer)
        guard let peer, let revokedPeers = self.verification.revokedPeers else { return }
        let eventLoop = context.eventLoop
        let connection = NIOLoopBound((handler: self, context: context), eventLoop: eventLoop)
        let isFollowed = revokedPeers.follow(ObjectIdentifier(self), of: peer) {
            eventLoop.execute { connection.value.handler.end(peer.id, in: connection.value.context) }
        }
        guard isFollowed else { throw .revokedPeer(peer.id) }
    }

    /// Ends the connection of a peer that was revoked; nothing more of it is read.
    private func end(_ id: SPIFFEID, in context: ChannelHandlerContext) {
        guard case .established = self.state else { return }
        self.state = .refused(.revokedPeer(id))
        context.fireErrorCaught(SPIFFETLSError.revokedPeer(id))
        context.close(promise: nil)
    }

    private func peerOfCompletedHandshake(
        in context: ChannelHandlerContext
    ) throws(SPIFFETLSError) -> VerifiedX509SVID? {
        switch self.state {
        case .verified(let peer):
            return peer
        case .handshaking:
            guard let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self) else {
                throw .handshakeIncomplete
            }
            if let leaf = tls.peerCertificate { return try self.verification.verifyResumed(leaf) }
            if self.requiresCertificate { throw .peerCertificateMissing }
            return nil
        case .refused(let reason):
            throw reason
        case .established(let peer):
            return peer
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // A refused peer's bytes may already be decrypted when its connection is closed: they end here.
        guard case .established = self.state else { return }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .refused(let reason) = self.state, case .handshakeFailed? = error as? NIOSSLError {
            self.answerWaiting(.failure(reason))
            context.fireErrorCaught(reason)
        } else {
            self.answerWaiting(.failure(error))
            context.fireErrorCaught(error)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.verification.revokedPeers?.forget(ObjectIdentifier(self))
        // Its context is of no use any more.
        if case .established = self.state { self.state = .refused(.handshakeIncomplete) }
        self.answerWaiting(.failure(SPIFFETLSError.handshakeIncomplete))
    }
}
