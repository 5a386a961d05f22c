package import GRPCCore
package import NIOCore

/// A call whose handler runs in a task of the server.
package struct CallTask: Sendable {
    package typealias Outcome = Result<ByteBuffer?, RPCError>

    /// Fires when the call has ended on the wire, whoever ended it.
    private let ended: EndSignal
    private let handler: @Sendable () async -> Outcome
    private let report: @Sendable (Outcome) -> Void

    /// - Parameter report: Told the outcome once the handler has ended, or when it is not run at all.
    package init(
        ended: EndSignal, handler: @escaping @Sendable () async -> Outcome,
        report: @escaping @Sendable (Outcome) -> Void
    ) {
        self.ended = ended
        self.handler = handler
        self.report = report
    }

    /// Runs the handler; cancels it when the call ends before it does.
    ///
    /// A call that has ended before its turn came is not handled.
    package func run() async {
        let (ended, handler, report) = (self.ended, self.handler, self.report)
        guard !ended.hasFired else {
            return report(.failure(RPCError(code: .cancelled, message: "the call has ended")))
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                report(await handler())
                ended.fire()
            }
            await ended.wait()
            group.cancelAll()
        }
    }
}

/// Where connections leave the calls that a task is to run: the way from the event loops into structured concurrency.
///
/// Several queues, so that the event loops do not wait for one another.
struct CallQueues: Sendable {
    private let queues: [(stream: AsyncStream<CallTask>, continuation: AsyncStream<CallTask>.Continuation)]

    /// Calls that one queue holds until they are taken over, which each is at once: it never comes to that.
    ///
    /// How many handlers there are is bounded by ``RPCLimits/maxStreamsPerPeer``.
    private static let length = 65_536

    init(count: Int) {
        self.queues = (0..<count).map { _ in
            AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.length))
        }
    }

    /// Adds a call; false where too many wait, or the server no longer runs calls.
    func add(_ call: CallTask, from connection: Int) -> Bool {
        switch self.queues[connection % self.queues.count].continuation.yield(call) {
        case .enqueued: true
        case .dropped, .terminated: false
        @unknown default: false
        }
    }

    /// Runs calls until ``finish()``, and returns once all have ended.
    func run() async {
        await withDiscardingTaskGroup { group in
            for queue in self.queues {
                group.addTask {
                    await withDiscardingTaskGroup { calls in
                        for await call in queue.stream {
                            calls.addTask { await call.run() }
                        }
                    }
                }
            }
        }
    }

    /// Accepts no further calls.
    func finish() {
        for queue in self.queues { queue.continuation.finish() }
    }
}
