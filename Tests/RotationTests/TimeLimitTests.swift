import Rotation
import TestSupport
import Testing

@Suite("Time limits", .timeLimit(.minutes(1)))
struct TimeLimitTests {
    private let time = ManualInstants()

    @Test("an operation within its limit gives its value")
    func within() async throws {
        #expect(try await self.time.instants.withTimeLimit(.seconds(5)) { 1 } == 1)
        #expect(self.time.sleeperCount == 0)
    }

    @Test("an operation that takes longer is cancelled, and it is said so")
    func beyond() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask {
                await #expect(throws: TimeLimitExceeded(limit: .seconds(5))) {
                    try await self.time.instants.withTimeLimit(.seconds(5)) {
                        try await self.time.instants.sleep(for: .seconds(60))
                    }
                }
            }
            try await self.time.waitForSleepers(2)
            self.time.advance(by: .seconds(5))
            try await group.waitForAll()
        }
        #expect(self.time.sleeperCount == 0)
    }

    @Test("a failure of the operation is its own")
    func failure() async {
        await #expect(throws: CancellationError.self) {
            try await self.time.instants.withTimeLimit(.seconds(5)) { throw CancellationError() }
        }
    }
}
