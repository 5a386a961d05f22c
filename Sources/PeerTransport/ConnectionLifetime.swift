import Logging
import NIOCore
import NIOHTTP2

/// Where a connection is between its preface and its end, and the timers that watch it.
struct ConnectionLifetime {
    /// How far a connection is with ending gracefully (RFC 9113 §6.8).
    private enum Phase {
        case open
        /// The peer was told to open no more streams; those it opened before it knew are still served.
        case announced
        /// The peer knows; the connection ends with its last call.
        case leaving
    }

    /// What the PING says whose acknowledgement proves that the peer has seen the first GOAWAY.
    static let goAwayPing = HTTP2PingData(withInteger: 0x5369_676E_6574_2121)
    /// What the PING says that asks whether the peer is alive.
    static let keepalivePing = HTTP2PingData(withInteger: 0x616C_6976_653F_0000)

    private var phase = Phase.open
    /// The highest stream that the peer has opened.
    var lastStream = HTTP2StreamID.rootStream
    /// Whether the preface has come.
    private(set) var hasBegun = false
    /// How many frames have come, to tell whether any came since.
    private(set) var framesReceived: UInt64 = 0
    private var others: [Scheduled<Void>] = []
    private var keepalive: Scheduled<Void>?

    var isLeaving: Bool { self.phase == .leaving }

    /// A frame has come.
    mutating func received() {
        self.framesReceived &+= 1
        self.hasBegun = true
    }

    /// Begins the graceful end; false where it has begun already.
    mutating func announce() -> Bool {
        guard self.phase == .open else { return false }
        self.phase = .announced
        return true
    }

    /// The peer has acknowledged a PING; true where that completes the announcement.
    mutating func acknowledged(_ ping: HTTP2PingData) -> Bool {
        guard self.phase == .announced, ping == Self.goAwayPing else { return false }
        self.phase = .leaving
        return true
    }

    mutating func watch(_ timer: Scheduled<Void>) {
        self.others.append(timer)
    }

    mutating func watch(keepalive: Scheduled<Void>) {
        self.keepalive = keepalive
    }

    mutating func cancelTimers() {
        self.keepalive?.cancel()
        for timer in self.others { timer.cancel() }
        self.others.removeAll()
    }
}

extension RPCConnectionHandler {
    func startTimers(_ context: ChannelHandlerContext) {
        let limits = self.environment.limits
        let eventLoop = context.eventLoop.assumeIsolated()
        // Not cancelled when the preface comes, since NIO searches all timers for one that is.
        eventLoop.scheduleTask(in: TimeAmount(limits.handshakeTimeout)) { [weak self] in
            guard let self, !self.lifetime.hasBegun, !self.isOver else { return }
            self.environment.logger.debug(
                "connection closed: no HTTP/2 preface in time",
                metadata: ["peer.address": "\(self.remoteAddress)"])
            self.close()
        }
        if let age = limits.maxConnectionAge {
            self.lifetime.watch(eventLoop.scheduleTask(in: TimeAmount(age)) { self.goAway() })
            self.lifetime.watch(
                eventLoop.scheduleTask(in: TimeAmount(age) + TimeAmount(limits.drainTimeout)) { self.close() })
        }
        if self.usesTLS, let interval = limits.keepaliveInterval {
            self.startKeepalive(eventLoop, every: TimeAmount(interval))
        }
    }

    /// Looks after `interval` whether anything has come meanwhile, asks the peer if not, and looks again.
    private func startKeepalive(_ eventLoop: NIOIsolatedEventLoop, every interval: TimeAmount) {
        let known = self.lifetime.framesReceived
        self.lifetime.watch(
            keepalive: eventLoop.scheduleTask(in: interval) {
                if self.lifetime.framesReceived == known {
                    self.askWhetherAlive(eventLoop, every: interval)
                } else {
                    self.startKeepalive(eventLoop, every: interval)
                }
            })
    }

    private func askWhetherAlive(_ eventLoop: NIOIsolatedEventLoop, every interval: TimeAmount) {
        let known = self.lifetime.framesReceived
        self.writeFrame(.rootStream, .ping(ConnectionLifetime.keepalivePing, ack: false))
        self.flush()
        self.lifetime.watch(
            keepalive: eventLoop.scheduleTask(in: TimeAmount(self.environment.limits.keepaliveTimeout)) {
                guard self.lifetime.framesReceived != known else {
                    self.environment.logger.debug(
                        "connection closed: the peer does not answer",
                        metadata: ["peer.address": "\(self.remoteAddress)"])
                    return self.close()
                }
                self.startKeepalive(eventLoop, every: interval)
            })
    }

    /// A GOAWAY that names the highest stream there can be: "open no more, but what is on its way is still served".
    private static let firstGoAway = ByteBuffer(
        bytes: [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])

    /// Writes the bytes of a frame that NIO's HTTP/2 handler does not learn of.
    ///
    /// Once that has sent a GOAWAY of its own it fails the whole connection for a stream that crosses it on the way.
    private func writeBehindHTTP2(_ frame: ByteBuffer) {
        let http2 = try? self.context?.pipeline.syncOperations.context(handlerType: NIOHTTP2Handler.self)
        http2?.writeAndFlush(NIOAny(IOData.byteBuffer(frame)), promise: nil)
    }

    /// Asks the peer to open no more streams, and ends the connection once those it has are done.
    func goAway() {
        guard self.lifetime.hasBegun else { return self.close() }
        guard self.lifetime.announce() else { return }
        self.writeBehindHTTP2(Self.firstGoAway)
        self.writeFrame(.rootStream, .ping(ConnectionLifetime.goAwayPing, ack: false))
        self.flush()
    }

    func receivePingAcknowledgement(_ ping: HTTP2PingData) {
        guard self.lifetime.acknowledged(ping) else { return }
        self.leaveIfDone()
    }

    /// Ends a connection that was asked to go away once its last call has ended.
    func leaveIfDone() {
        guard self.lifetime.isLeaving, self.calls.isEmpty, !self.isOver, let eventLoop = self.context?.eventLoop else {
            return
        }
        let sent = eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in self.close() }
        self.writeFrame(
            .rootStream, .goAway(lastStreamID: self.lifetime.lastStream, errorCode: .noError, opaqueData: nil),
            promise: sent)
        self.flush()
    }
}
