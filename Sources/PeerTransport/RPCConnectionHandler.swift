import GRPCCore
import Logging
import NIOCore
import NIOHTTP2
import NIOTLS
import SPIFFE
import SPIFFETLS

/// The server's side of one connection: HTTP/2 frames on one side, handlers on the other.
///
/// Stands behind NIO's HTTP/2 handler, which keeps the protocol's rules; everything here runs on the event loop.
final class RPCConnectionHandler: ChannelDuplexHandler, NIOHTTP2FrameDelegate {
    typealias InboundIn = HTTP2Frame
    typealias OutboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    let environment: ConnectionEnvironment
    let number: Int
    let remoteAddress: String
    let processes: PeerProcessSource?
    let usesTLS: Bool

    /// Nil until TLS has told who it is; no call is answered before.
    private(set) var peer: Peer?
    var quota: PeerQuota
    var calls: [HTTP2StreamID: Call] = [:]
    /// Calls that began in this batch of reads and are neither counted nor watched yet: most are answered before it is
    /// worth it.
    var newCalls: [HTTP2StreamID] = []
    /// The next time at which the deadlines of calls are looked at.
    var nextDeadline: NIODeadline?
    /// Bytes of requests and responses that are held for this connection.
    var bufferedBytes = 0
    private var controlFrames: EventRate
    private var settingsFrames: EventRate
    var lifetime: ConnectionLifetime

    private(set) var context: ChannelHandlerContext?
    private var isReading = false
    private var needsFlush = false
    private var isReadHeld = false
    /// Nothing that comes is looked at any more: the connection is being closed, which over TLS takes the peer's consent.
    private(set) var isOver = false

    /// - Parameters:
    ///   - number: Distinguishes the connections of a server.
    ///   - peer: Who is on the other end; nil where TLS will tell.
    init(
        environment: ConnectionEnvironment, number: Int, peer: Peer?, quota: PeerQuota, remoteAddress: String,
        processes: PeerProcessSource?
    ) {
        self.environment = environment
        self.number = number
        self.peer = peer
        self.usesTLS = peer == nil
        self.quota = quota
        self.remoteAddress = remoteAddress
        self.processes = processes
        self.lifetime = ConnectionLifetime()
        self.controlFrames = EventRate(limit: environment.limits.maxControlFramesPerSecond, window: .seconds(1))
        self.settingsFrames = EventRate(limit: environment.limits.maxSettingsFramesPerSecond, window: .seconds(1))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        self.startTimers(context)
        let wider = InboundWindow.connectionBytes - InboundWindow.streamBytes
        self.writeFrame(.rootStream, .windowUpdate(windowSizeIncrement: wider))
        self.flush()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.beOver()
        context.fireChannelInactive()
    }

    /// Stops all that goes on here.
    private func beOver() {
        self.isOver = true
        self.lifetime.cancelTimers()
        for id in self.calls.keys { self.forget(id, because: "the connection was closed") }
    }

    /// The connection is closed: another may take its place.
    func release(_ channel: any Channel) {
        self.beOver()
        self.quota.closeConnection()
        self.environment.connections.remove(channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isOver else { return }
        self.isReading = true
        self.lifetime.received()
        let frame = self.unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let payload):
            self.receive(payload, of: frame.streamID)
        case .data(let payload):
            self.receive(payload, of: frame.streamID)
        case .rstStream:
            self.receiveReset(of: frame.streamID)
        case .ping(let ping, let isAcknowledgement):
            if isAcknowledgement { self.receivePingAcknowledgement(ping) }
            self.countControlFrame()
        case .settings(let settings):
            self.receive(settings)
        case .priority:
            self.countControlFrame()
        case .windowUpdate, .goAway, .pushPromise, .alternativeService, .origin:
            break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.isReading = false
        self.settleNewCalls()
        self.flushWritten()
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2WindowUpdatedEvent:
            self.windowChanged(event)
        case let event as StreamClosedEvent:
            self.forget(event.streamID, because: "the call was cancelled")
        case let event as SPIFFEPeerVerified:
            self.becomeKnown(.tls(event.peer), context)
        case let event as TLSUserEvent:
            self.receive(event)
        case is ChannelShouldQuiesceEvent:
            self.goAway()
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Holds back reading while the peer does not read: what it asks for is not asked for more.
    func read(context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        if context.channel.isWritable {
            context.read()
        } else {
            self.isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, self.isReadHeld {
            self.isReadHeld = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    func wroteFrame(_ frame: HTTP2Frame) {
        if case .goAway(_, let code, _) = frame.payload, code != .noError { self.isOver = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The HTTP/2 handler has reset the stream of an error that concerns one stream; an error of the connection was
        // announced by a GOAWAY with its reason. A frame that cannot be written is neither: its stream would hang.
        if error is any NIOHTTP2Error, !(error is NIOHTTP2Errors.UnableToSerializeFrame), !self.isOver { return }
        self.environment.logger.debug(
            "connection failed",
            metadata: ["error": "\(error)", "peer.address": "\(self.remoteAddress)"])
        self.close()
    }

    /// Somebody closes the connection: whatever it takes until it is closed, its calls end now.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.beOver()
        context.close(mode: mode, promise: promise)
    }

    /// The TLS handshake has told who is on the other end.
    private func becomeKnown(_ peer: Peer, _ context: ChannelHandlerContext) {
        if case .tls(let svid?) = peer {
            let quotas = self.environment.quotas
            let limit = self.environment.connectionsPerPeer
            guard let quota = quotas.openConnection(of: .spiffeID(svid.id), limit: limit) else { return self.close() }
            self.quota.closeConnection()
            self.quota = quota
        }
        self.peer = peer
        self.environment.connections.setPeer(peer, of: context.channel)
    }

    private func receive(_ event: TLSUserEvent) {
        switch event {
        case .handshakeCompleted(let negotiated):
            guard negotiated != "h2" else { return }
            self.environment.logger.debug(
                "connection refused: HTTP/2 was not negotiated", metadata: ["peer.address": "\(self.remoteAddress)"])
            self.close()
        case .shutdownCompleted:
            break
        }
    }

    /// Every setting of a frame is applied to every stream, so that small frames make much work.
    private func receive(_ settings: HTTP2Frame.FramePayload.Settings) {
        self.countControlFrame()
        guard case .settings(let settings) = settings else { return }
        if settings.count > self.environment.limits.maxSettingsPerFrame || self.settingsFrames.record(now: .now()) {
            self.refuse(because: "too many settings")
        }
    }

    private func countControlFrame() {
        guard self.controlFrames.record(now: .now()) else { return }
        self.refuse(because: "too many control frames")
    }

    /// Closes the connection of a peer that asks for more than it may (RFC 9113 §7: ENHANCE_YOUR_CALM).
    func refuse(because reason: String) {
        guard !self.isOver else { return }
        self.environment.logger.debug(
            "connection closed: \(reason)", metadata: ["peer.address": "\(self.remoteAddress)"])
        self.writeFrame(
            .rootStream, .goAway(lastStreamID: .maxID, errorCode: .enhanceYourCalm, opaqueData: nil))
        self.context?.flush()
        self.close()
    }

    /// Writes a frame that ``flush()`` sends.
    func writeFrame(
        _ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context = self.context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(self.wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }

    /// Sends what was written: at the end of a batch of reads, or now.
    func flush() {
        self.needsFlush = true
        if !self.isReading { self.flushWritten() }
    }

    private func flushWritten() {
        guard self.needsFlush else { return }
        self.needsFlush = false
        self.context?.flush()
    }

    /// Closes the connection with its calls.
    func close() {
        self.beOver()
        self.context?.close(promise: nil)
    }
}

extension TimeAmount {
    /// The same length of time; as long as NIO can wait where that is shorter.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard seconds < 1_000_000_000 else {
            self = .seconds(1_000_000_000)
            return
        }
        self = .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
    }
}
