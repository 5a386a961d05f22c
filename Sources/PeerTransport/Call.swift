import GRPCCore
import NIOCore
import NIOHTTP2

/// One call of a connection; lives on the event loop.
final class Call {
    let route: Route
    let context: RPCContext
    let timeout: TimeAmount?
    var machine: CallStateMachine
    var deadline: Scheduled<Void>?
    /// Set while a task of the server handles the call.
    var ended: EndSignal?
    /// Set for calls that take a stream of requests.
    var requests: RequestQueue?
    /// Bytes of whole requests that the handler has not taken.
    var queuedBytes = 0
    /// What the peer may still send of the request.
    var inboundWindow = InboundWindow.streamBytes
    /// Bytes that are counted against the connection and the peer.
    var countedBytes = 0

    init(route: Route, context: RPCContext, timeout: TimeAmount?, maxRequestBytes: Int) {
        self.route = route
        self.context = context
        self.timeout = timeout
        self.machine = CallStateMachine(requests: route.handler.requests, maxRequestBytes: maxRequestBytes)
    }

    /// Runs the checks that need no task.
    func check() throws {
        for check in self.route.checks { try check(self.context) }
    }

    /// Stops whatever still works for the call.
    func cancel(_ error: RPCError) {
        self.deadline?.cancel()
        self.deadline = nil
        self.requests?.fail(error)
        self.ended?.fire()
    }
}
