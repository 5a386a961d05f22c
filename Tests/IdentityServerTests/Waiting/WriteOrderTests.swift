import IdentityServer
import TestSupport
import Testing

@Suite("the order of writes", .timeLimit(.minutes(1)))
struct WriteOrderTests {
    @Test("one write runs at a time")
    func oneAtATime() async throws {
        let order = WriteOrder()
        let events = Recorded<Bool>()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2_000 {
                group.addTask {
                    await order.run {
                        events.append(true)
                        await Task.yield()
                        events.append(false)
                    }
                }
            }
        }
        #expect(events.values == (0..<2_000).flatMap { _ in [true, false] })
    }

    @Test("a write that fails hands the turn on")
    func failure() async throws {
        struct Failed: Error {}
        let order = WriteOrder()
        await #expect(throws: Failed.self) { try await order.run { throw Failed() } }
        #expect(await order.run { 1 } == 1)
    }
}
