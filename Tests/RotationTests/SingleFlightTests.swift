import Rotation
import TestSupport
import Testing

@Suite("SingleFlight", .timeLimit(.minutes(1)))
struct SingleFlightTests {
    struct Failed: Error {}

    @Test("who asks meanwhile gets the outcome of the one who runs the operation")
    func shared() async throws {
        let flights = SingleFlight<String, Int>()
        let isReleased = Watched(false)
        try await withThrowingTaskGroup(of: Int.self) { group async throws in
            for number in 1...3 {
                group.addTask {
                    try await flights.run("a") {
                        for await value in isReleased.updates() where value { return number }
                        throw CancellationError()
                    }
                }
            }
            try await waitUntil { flights.waitingCount == 2 }
            isReleased.publish(true)
            let first = try await group.next()
            for try await value in group { #expect(value == first) }
        }
        #expect(flights.waitingCount == 0)
    }

    @Test("a failure is shared, and not remembered")
    func failure() async throws {
        let flights = SingleFlight<String, Int>()
        await #expect(throws: Failed.self) { try await flights.run("a") { throw Failed() } }
        #expect(try await flights.run("a") { 2 } == 2)
    }

    @Test("when the first caller is cancelled, another one takes its place")
    func cancelled() async throws {
        let flights = SingleFlight<String, Int>()
        let hasStarted = Watched(false)
        try await withThrowingTaskGroup(of: Int.self) { waiters async throws in
            try await withThrowingTaskGroup(of: Void.self) { first async throws in
                first.addTask {
                    _ = try? await flights.run("a") {
                        hasStarted.publish(true)
                        for await _ in hasStarted.updates() {}
                        throw CancellationError()
                    }
                }
                for await value in hasStarted.updates() where value { break }
                waiters.addTask { try await flights.run("a") { 2 } }
                try await waitUntil { flights.waitingCount == 1 }
                first.cancelAll()
            }
            #expect(try await waiters.next() == 2)
        }
    }
}
