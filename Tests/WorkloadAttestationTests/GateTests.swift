import TestSupport
import Testing
import WorkloadAttestation

@Suite("A gate", .timeLimit(.minutes(1)))
struct GateTests {
    private let gate = Gate<String>(limit: 2)

    @Test("as many are inside as the limit says, for each key")
    func limit() async throws {
        let inside = [try await self.gate.enter("a"), try await self.gate.enter("a"), try await self.gate.enter("b")]
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask { _ = try await self.gate.enter("a") }
            try await waitUntil { self.gate.waitingCount == 1 }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.waitForAll() }
        }
        #expect(self.gate.waitingCount == 0)
        withExtendedLifetime(inside) {}
    }

    @Test("who waits enters in the order of arrival, as places become free")
    func order() async throws {
        var inside = [try await self.gate.enter("a"), try await self.gate.enter("a")]
        try await withThrowingTaskGroup(of: (Int, Gate<String>.Admission).self) { group async throws in
            for number in 1...3 {
                group.addTask { (number, try await self.gate.enter("a")) }
                try await waitUntil { self.gate.waitingCount == number }
            }
            for number in 1...3 {
                inside.removeFirst()
                let (entered, admission) = try #require(try await group.next())
                #expect(entered == number)
                inside.append(admission)
            }
        }
    }

    @Test("who is cancelled while waiting takes no place")
    func cancelled() async throws {
        let gate = Gate<String>(limit: 1)
        var inside = Optional(try await gate.enter("a"))
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask {
                await #expect(throws: CancellationError.self) { try await gate.enter("a") }
            }
            try await waitUntil { gate.waitingCount == 1 }
            group.cancelAll()
        }
        withExtendedLifetime(inside) { inside = nil }
        _ = try await gate.enter("a")
    }
}
