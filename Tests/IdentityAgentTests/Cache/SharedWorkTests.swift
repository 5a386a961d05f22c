import IdentityAgent
import Synchronization
import Testing

@Suite("Work shared by those who wait for it", .timeLimit(.minutes(1)))
struct SharedWorkTests {
    private struct Refused: Error, Equatable {}

    /// Runs `body` beside the work.
    private func running<Value: Sendable>(
        _ work: SharedWork<String, Value>, _ body: @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await work.run() }
            try await body()
            group.cancelAll()
        }
    }

    @Test("however many ask for the same, it is done once")
    func once() async throws {
        let count = Mutex(0)
        let (gate, open) = AsyncStream<Void>.makeStream()
        let work = SharedWork<String, Int>(limit: 10) { _ in
            for await _ in gate {}
            return count.withLock { count in
                count += 1
                return count
            }
        }
        try await self.running(work) { () async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...50 { group.addTask { try await work.value(for: "key") } }
                open.finish()
                for try await value in group { #expect(value == 1) }
            }
        }
    }

    @Test("one who gives up does not take the result from the others")
    func cancelled() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let work = SharedWork<String, Int>(limit: 10) { _ in
            for await _ in gate {}
            return 7
        }
        try await self.running(work) { () async throws in
            try await withThrowingTaskGroup(of: Int?.self) { group in
                group.addTask {
                    await withTaskGroup(of: Int?.self) { impatient in
                        impatient.addTask { try? await work.value(for: "key") }
                        impatient.cancelAll()
                        return await impatient.next() ?? nil
                    }
                }
                let impatient = try await group.next()
                #expect(impatient == .some(nil))
                group.addTask { try await work.value(for: "key") }
                open.finish()
                let patient = try await group.next()
                #expect(patient == 7)
            }
        }
    }

    @Test("a failure reaches everybody, and the next one tries again")
    func failure() async throws {
        let isFirst = Mutex(true)
        let work = SharedWork<String, Int>(limit: 10) { _ in
            let fails = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            if fails { throw Refused() }
            return 1
        }
        try await self.running(work) { () async throws in
            await #expect(throws: Refused()) { try await work.value(for: "key") }
            let value = try await work.value(for: "key")
            #expect(value == 1)
        }
    }
}
