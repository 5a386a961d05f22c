/// A call whose handler runs in a task of the server.
struct CallTask: Sendable {
    /// Fires when the call has ended on the wire, whoever ended it.
    let ended: EndSignal
    /// Runs the handler and reports its outcome.
    let handler: @Sendable () async -> Void

    /// Runs the handler; cancels it when the call ends before it does.
    func run() async {
        let ended = self.ended
        let handler = self.handler
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await handler()
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

    /// - Parameter limit: How many calls may wait, over all queues.
    init(count: Int, limit: Int) {
        self.queues = (0..<count).map { _ in
            AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(max(1, limit / count)))
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
