import FoundationEssentials
import IdentityServer
import TestSupport
import Testing

@Suite("waking a task up", .timeLimit(.minutes(1)))
struct WakeUpTests {
    @Test("a signal before the wait is kept, and several count as one")
    func kept() async throws {
        let wakeUp = WakeUp()
        wakeUp.signal()
        wakeUp.signal()
        try await wakeUp.wait()
        let waiting = Task { try await wakeUp.wait() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test("a wait ends at its deadline")
    func deadline() async throws {
        let time = ManualInstants()
        let wakeUp = WakeUp()
        async let waiting: Void = wakeUp.wait(until: time.now.addingTimeInterval(60), instants: time.instants)
        try await time.waitForSleepers(1)
        time.advance(by: .seconds(60))
        try await waiting
    }

    @Test("a wait ends at a signal before its deadline, and can be repeated")
    func signalBeforeDeadline() async throws {
        let time = ManualInstants()
        let wakeUp = WakeUp()
        for _ in 0..<3 {
            async let waiting: Void = wakeUp.wait(until: time.now.addingTimeInterval(60), instants: time.instants)
            try await time.waitForSleepers(1)
            wakeUp.signal()
            try await waiting
            #expect(time.sleeperCount == 0)
        }
    }
}
