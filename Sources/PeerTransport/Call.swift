import GRPCCore
import NIOCore
import NIOHTTP2

/// One call of a connection; lives on the event loop.
final class Call {
    let route: Route
    let context: RPCContext
    /// When the client stops waiting.
    let deadline: NIODeadline?
    var machine: CallStateMachine
    /// Set while a task of the server handles the call, which may be longer than the call lasts on the wire.
    var ended: EndSignal?
    /// Set for calls that take a stream of requests.
    var requests: RequestQueue?
    /// What the peer may still send of the request.
    var inboundWindow = InboundWindow.streamBytes
    /// Whole requests that the handler has not taken, and their bytes as flow control counts them.
    private(set) var queuedRequests = 0
    private(set) var queuedBytes = 0
    /// Bytes of the header fields, and of the one request that the handler was given.
    private var ownBytes: Int
    /// Bytes that are counted against the connection and the peer.
    var countedBytes = 0

    /// What a request that waits costs besides its bytes.
    private static let queueingBytes = 64

    init(route: Route, context: RPCContext, deadline: NIODeadline?, headBytes: Int, maxRequestBytes: Int) {
        self.route = route
        self.context = context
        self.deadline = deadline
        self.ownBytes = headBytes
        self.machine = CallStateMachine(requests: route.handler.requests, maxRequestBytes: maxRequestBytes)
    }

    /// Bytes that are held in memory for the request.
    ///
    /// The handler may keep what it was given for as long as it runs.
    var heldBytes: Int {
        self.machine.bufferedBytes + self.queuedBytes + self.queuedRequests * Self.queueingBytes + self.ownBytes
    }

    /// The handler is given its one request.
    func keep(_ message: ByteBuffer) {
        self.ownBytes += message.readableBytes
    }

    /// A request waits for the handler.
    func queue(_ message: ByteBuffer) {
        self.queuedRequests += 1
        self.queuedBytes += message.readableBytes + MessageDecoder.prefixBytes
    }

    /// The handler has taken a request of so many bytes.
    func dequeue(_ bytes: Int) {
        self.queuedRequests = max(0, self.queuedRequests - 1)
        self.queuedBytes = max(0, self.queuedBytes - bytes)
    }

    /// Runs the checks that need no task.
    func check() throws {
        for check in self.route.checks { try check(self.context) }
    }

    /// Stops whatever still works for the call, and drops what waits.
    func cancel(_ error: RPCError) {
        self.machine.drop()
        self.queuedRequests = 0
        self.queuedBytes = 0
        self.requests?.fail(error)
        self.ended?.fire()
    }
}
