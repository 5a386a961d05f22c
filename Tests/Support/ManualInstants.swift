package import FoundationEssentials
package import Rotation
import Synchronization

/// Time that stands still until the test moves it.
///
/// `advance` moves the clock in one step and wakes everyone whose moment has come, in the order of their moments. A
/// test that moves time first waits until the code under test sleeps:
///
/// ```swift
/// try await time.waitForSleepers(1)
/// time.advance(by: .seconds(30))
/// ```
package final class ManualInstants: Sendable {
    private struct Sleeper {
        var deadline: Date
        /// Sleeps for a length of time, whatever happens to the clock meanwhile.
        let isDuration: Bool
        let order: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct Observer {
        let count: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Date
        var sleepers: [UInt64: Sleeper] = [:]
        var observers: [UInt64: Observer] = [:]
        /// Calls that were cancelled before they could be registered.
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 0

        mutating func makeID() -> UInt64 {
            defer { self.nextID += 1 }
            return self.nextID
        }

        mutating func takeDueSleepers() -> [Sleeper] {
            let due = self.sleepers.filter { $0.value.deadline <= self.now }
            for id in due.keys { self.sleepers[id] = nil }
            return due.values.sorted { ($0.deadline, $0.order) < ($1.deadline, $1.order) }
        }

        mutating func takeSatisfiedObservers() -> [Observer] {
            let satisfied = self.observers.filter { $0.value.count <= self.sleepers.count }
            for id in satisfied.keys { self.observers[id] = nil }
            return Array(satisfied.values)
        }
    }

    private let state: Mutex<State>

    /// Creates a clock that shows 2027-01-15 08:00:00 UTC unless told otherwise.
    package init(now: Date = Date(timeIntervalSince1970: 1_800_000_000)) {
        self.state = Mutex(State(now: now))
    }

    /// This time, as services take it.
    package var instants: Instants {
        Instants(
            now: { self.now }, sleepUntil: { try await self.sleep(until: $0, isDuration: false) },
            sleepFor: {
                try await self.sleep(until: self.now.addingTimeInterval($0 / .seconds(1)), isDuration: true)
            })
    }

    /// The time it is.
    package var now: Date {
        self.state.withLock { $0.now }
    }

    /// The moment the next sleeper waits for.
    package var nextDeadline: Date? {
        self.state.withLock { $0.sleepers.values.map(\.deadline).min() }
    }

    /// How many are asleep.
    package var sleeperCount: Int {
        self.state.withLock { $0.sleepers.count }
    }

    /// Moves time, and wakes those whose moment has come.
    package func advance(by duration: Duration) {
        self.advance(to: self.now.addingTimeInterval(duration / .seconds(1)))
    }

    /// Moves time to a moment.
    package func advance(to moment: Date) {
        let due = self.state.withLock { state in
            state.now = moment
            return state.takeDueSleepers()
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Sets the clock without time passing: who waits for a length of time waits as long as before.
    package func set(to moment: Date) {
        let due = self.state.withLock { state in
            let shift = moment.timeIntervalSince(state.now)
            state.now = moment
            for (id, sleeper) in state.sleepers where sleeper.isDuration {
                state.sleepers[id]?.deadline = sleeper.deadline.addingTimeInterval(shift)
            }
            return state.takeDueSleepers()
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Waits until at least `count` are asleep at the same time.
    package func waitForSleepers(_ count: Int) async throws {
        let id = self.state.withLock { $0.makeID() }
        defer { self.forget(id) }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = self.state.withLock { state in
                    if state.cancelled.contains(id) { return .failure(CancellationError()) }
                    if state.sleepers.count >= count { return .success(()) }
                    state.observers[id] = Observer(count: count, continuation: continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    private func sleep(until deadline: Date, isDuration: Bool) async throws {
        let id = self.state.withLock { $0.makeID() }
        defer { self.forget(id) }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (outcome, observers): (Result<Void, any Error>?, [Observer]) = self.state.withLock { state in
                    if state.cancelled.contains(id) { return (.failure(CancellationError()), []) }
                    if deadline <= state.now { return (.success(()), []) }
                    state.sleepers[id] = Sleeper(
                        deadline: deadline, isDuration: isDuration, order: id, continuation: continuation)
                    return (nil, state.takeSatisfiedObservers())
                }
                if let outcome { continuation.resume(with: outcome) }
                for observer in observers { observer.continuation.resume() }
            }
        } onCancel: {
            self.cancel(id)
        }
    }

    private func cancel(_ id: UInt64) {
        let continuation = self.state.withLock { state in
            state.cancelled.insert(id)
            return state.sleepers.removeValue(forKey: id)?.continuation
                ?? state.observers.removeValue(forKey: id)?.continuation
        }
        continuation?.resume(throwing: CancellationError())
    }

    private func forget(_ id: UInt64) {
        self.state.withLock { state in _ = state.cancelled.remove(id) }
    }
}
