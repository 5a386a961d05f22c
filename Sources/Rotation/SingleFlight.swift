import Synchronization

/// Runs an operation once for all who ask for the same thing at the same time.
///
/// The first caller runs it in its own task, the others wait for its outcome. When the first one is cancelled, one of
/// the others takes its place.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private enum Outcome: Sendable {
        case underWay
        case landed(Result<Value, any Error>)
        case abandoned
    }

    private let flights = Mutex<[Key: Watched<Outcome>]>([:])

    package init() {}

    package func run(
        _ key: Key, _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        while true {
            let (flight, isFirst) = self.flights.withLock { flights in
                if let flight = flights[key] { return (flight, false) }
                let flight = Watched(Outcome.underWay)
                flights[key] = flight
                return (flight, true)
            }
            if isFirst { return try await self.fly(key, flight, operation) }
            if let result = try await self.wait(for: flight) { return try result.get() }
        }
    }

    /// How many wait for the outcome of an operation that another one runs.
    package var waitingCount: Int {
        self.flights.withLock { flights in flights.values.reduce(0) { $0 + $1.watcherCount } }
    }

    private func fly(
        _ key: Key, _ flight: Watched<Outcome>, _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await operation()) } catch { outcome = .failure(error) }
        self.flights.withLock { _ = $0.removeValue(forKey: key) }
        if case .failure = outcome, Task.isCancelled {
            flight.publish(.abandoned)
        } else {
            flight.publish(.landed(outcome))
        }
        return try outcome.get()
    }

    /// The outcome; nil when the operation was given up and somebody else has to run it.
    private func wait(for flight: Watched<Outcome>) async throws -> Result<Value, any Error>? {
        for await outcome in flight.updates() {
            switch outcome {
            case .underWay: continue
            case .landed(let result): return result
            case .abandoned: return nil
            }
        }
        throw CancellationError()
    }
}
