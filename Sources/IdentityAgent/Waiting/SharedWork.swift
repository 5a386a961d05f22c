import Synchronization

/// Does work once for all who ask for the same at the same time.
///
/// The work runs in tasks of ``run()``, so that one who gives up waiting does not take the result from the others.
package final class SharedWork<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private typealias Continuation = CheckedContinuation<Value, any Error>

    private struct State {
        /// Who waits, by what for; a key stands for work under way.
        var waiting: [Key: [UInt64: Continuation]] = [:]
        /// What is done although nobody may wait for it.
        var unattended: Set<Key> = []
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 0
        var isEnded = false
    }

    private let state = Mutex(State())
    private let orders: AsyncStream<Key>
    private let order: AsyncStream<Key>.Continuation
    private let runningLimit: Int
    private let work: @Sendable (Key) async throws -> Value

    /// - Parameters:
    ///   - limit: How many works may wait to begin; more are refused with ``SharedWorkError/tooMuch``.
    ///   - runningLimit: How many works run at once; at least 1.
    package init(limit: Int, runningLimit: Int, work: @escaping @Sendable (Key) async throws -> Value) {
        self.runningLimit = runningLimit
        (self.orders, self.order) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(limit))
        self.work = work
    }

    /// Works until cancelled.
    ///
    /// For one task.
    package func run() async throws {
        defer { self.end() }
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await key in self.orders {
                if running == self.runningLimit {
                    await group.next()
                    running -= 1
                }
                guard self.isWanted(key) else { continue }
                running += 1
                group.addTask {
                    let result: Result<Value, any Error>
                    do { result = .success(try await self.work(key)) } catch { result = .failure(error) }
                    let waiting = self.state.withLock { state in
                        state.unattended.remove(key)
                        return state.waiting.removeValue(forKey: key)
                    }
                    for continuation in (waiting ?? [:]).values { continuation.resume(with: result) }
                }
            }
            group.cancelAll()
        }
        throw CancellationError()
    }

    /// How many wait for a result.
    package var waitingCount: Int {
        self.state.withLock { state in state.waiting.values.reduce(0) { $0 + $1.count } }
    }

    /// Whether somebody still waits for a work that has not begun; it is forgotten otherwise.
    private func isWanted(_ key: Key) -> Bool {
        self.state.withLock { state in
            if state.waiting[key]?.isEmpty == false || state.unattended.contains(key) { return true }
            state.waiting[key] = nil
            return false
        }
    }

    /// Begins the work for a key unless it is under way; nobody has to wait for it.
    ///
    /// - Throws: `.tooMuch`. After the end of ``run()`` nothing is begun.
    package func begin(_ key: Key) throws(SharedWorkError) {
        try self.state.withLock { state throws(SharedWorkError) in
            guard !state.isEnded else { return }
            if state.waiting[key] == nil {
                guard case .enqueued = self.order.yield(key) else { throw .tooMuch }
                state.waiting[key] = [:]
            }
            state.unattended.insert(key)
        }
    }

    /// The result of the work for a key, begun now unless it is under way.
    package func value(for key: Key) async throws -> Value {
        let id = self.state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        defer { self.state.withLock { state in _ = state.cancelled.remove(id) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let refusal = self.wait(for: key, id: id, continuation) {
                    continuation.resume(throwing: refusal)
                }
            }
        } onCancel: {
            let continuation = self.state.withLock { state in
                state.cancelled.insert(id)
                return state.waiting[key]?.removeValue(forKey: id)
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func wait(for key: Key, id: UInt64, _ continuation: Continuation) -> (any Error)? {
        self.state.withLock { state in
            if state.cancelled.contains(id) || state.isEnded { return CancellationError() }
            if state.waiting[key] == nil {
                // Under the lock, so that the work cannot end before somebody waits for it; it wakes a task and no
                // more.
                guard case .enqueued = self.order.yield(key) else { return SharedWorkError.tooMuch }
            }
            state.waiting[key, default: [:]][id] = continuation
            return nil
        }
    }

    private func end() {
        self.order.finish()
        let waiting = self.state.withLock { state in
            state.isEnded = true
            defer { state.waiting = [:] }
            state.unattended = []
            return state.waiting.values.flatMap(\.values)
        }
        for continuation in waiting { continuation.resume(throwing: CancellationError()) }
    }
}

/// Work was not begun.
package enum SharedWorkError: Error, Hashable {
    /// Too much work waits to begin.
    case tooMuch
}
