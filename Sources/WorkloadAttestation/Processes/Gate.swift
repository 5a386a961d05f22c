import Synchronization

/// Lets a limited number in at a time for each key; the others wait in the order in which they came.
package final class Gate<Key: Hashable & Sendable>: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Admission, any Error>
    }

    private struct State {
        var inside: [Key: Int] = [:]
        var waiting: [Key: [Waiter]] = [:]
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 0

        mutating func takeWaiter(_ key: Key, where isTaken: (Waiter) -> Bool) -> Waiter? {
            guard var waiters = self.waiting[key], let index = waiters.firstIndex(where: isTaken) else { return nil }
            let waiter = waiters.remove(at: index)
            self.waiting[key] = waiters.isEmpty ? nil : waiters
            return waiter
        }
    }

    /// A place inside, left with the last reference to it.
    ///
    /// What runs on when nobody waits for it any more keeps its place by keeping this.
    package final class Admission: Sendable {
        private let gate: Gate
        package let key: Key

        fileprivate init(gate: Gate, key: Key) {
            self.gate = gate
            self.key = key
        }

        deinit {
            self.gate.leave(self.key)
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: How many are inside at a time for one key; at least 1.
    package init(limit: Int) {
        precondition(limit > 0, "a gate lets somebody in")
        self.limit = limit
    }

    /// Waits for a place.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before there is one.
    package func enter(_ key: Key) async throws -> Admission {
        let id = self.state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        defer { self.state.withLock { state in _ = state.cancelled.remove(id) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.wait(for: key, Waiter(id: id, continuation: continuation))
            }
        } onCancel: {
            self.cancel(id, key)
        }
    }

    /// How many wait for a place.
    package var waitingCount: Int {
        self.state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } }
    }

    private func wait(for key: Key, _ waiter: Waiter) {
        let isInside: Bool? = self.state.withLock { state in
            if state.cancelled.contains(waiter.id) { return false }
            let inside = state.inside[key, default: 0]
            guard inside < self.limit else {
                state.waiting[key, default: []].append(waiter)
                return nil
            }
            state.inside[key] = inside + 1
            return true
        }
        switch isInside {
        case true?: waiter.continuation.resume(returning: Admission(gate: self, key: key))
        case false?: waiter.continuation.resume(throwing: CancellationError())
        case nil: break
        }
    }

    private func cancel(_ id: UInt64, _ key: Key) {
        let waiter: Waiter? = self.state.withLock { state in
            state.cancelled.insert(id)
            return state.takeWaiter(key) { $0.id == id }
        }
        waiter?.continuation.resume(throwing: CancellationError())
    }

    /// Hands the place to who has waited longest.
    private func leave(_ key: Key) {
        let next: Waiter? = self.state.withLock { state in
            if let next = state.takeWaiter(key, where: { _ in true }) { return next }
            let inside = state.inside[key, default: 1] - 1
            state.inside[key] = inside == 0 ? nil : inside
            return nil
        }
        next?.continuation.resume(returning: Admission(gate: self, key: key))
    }
}
