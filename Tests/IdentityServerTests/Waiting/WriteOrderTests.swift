import IdentityServer
import TestSupport
import Testing

@Suite("the order of writes", .timeLimit(.minutes(1)))
struct WriteOrderTests {
    @Test("one write runs at a time")
    func oneAtATime() async throws {
        let order = WriteOrder()
        let events = Recorded<Bool>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2_000 {
                group.addTask {
                    try await order.run {
                        events.append(true)
                        await Task.yield()
                        events.append(false)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(events.values == (0..<2_000).flatMap { _ in [true, false] })
    }

    @Test("a write that fails hands the turn on")
    func failure() async throws {
        struct Failed: Error {}
        let order = WriteOrder()
        await #expect(throws: Failed.self) { try await order.run { throw Failed() } }
        #expect(try await order.run { 1 } == 1)
    }

    @Test("who is cancelled leaves the line, whether it waits already or not, and the turn goes on to others")
    func cancelled() async throws {
        let order = WriteOrder()
        try await order.run {
            // Ends while the turn is taken: none of them waits for it.
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        await #expect(throws: CancellationError.self) {
                            try await order.run(number.isMultiple(of: 2) ? .next : .inLine) { Issue.record("it ran") }
                        }
                    }
                }
                await Task.yield()
                group.cancelAll()
            }
        }
        #expect(try await order.run { 1 } == 1)
    }
}
