import IdentityAgent
import Synchronization
import TestSupport
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
        let work = SharedWork<String, Int>(limit: 10, runningLimit: 2) { _ in
            for await _ in gate {}
            return count.withLock { count in
                count += 1
                return count
            }
        }
        try await self.running(work) { () async throws in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...50 { group.addTask { try await work.value(for: "key") } }
                while work.waitingCount < 50 { await Task.yield() }
                open.finish()
                for try await value in group { #expect(value == 1) }
            }
        }
    }

    @Test("work that was begun is done although nobody waits, and whoever comes meanwhile shares it")
    func unattended() async throws {
        let done = Recorded<String>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let work = SharedWork<String, Int>(limit: 10, runningLimit: 2) { key in
            for await _ in gate {}
            done.append(key)
            return 7
        }
        try await self.running(work) { () async throws in
            try work.begin("a")
            try work.begin("a")
            try work.begin("b")
            async let value = work.value(for: "b")
            try await waitUntil { work.waitingCount == 1 }
            open.finish()
            #expect(try await value == 7)
            try await waitUntil { done.values.count == 2 }
            #expect(done.values.sorted() == ["a", "b"])
            // It can be begun again, as soon as it has ended.
            try await waitUntil {
                try? work.begin("a")
                return done.values.count >= 3
            }
        }
    }

    @Test("one who gives up does not take the result from the others")
    func cancelled() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let work = SharedWork<String, Int>(limit: 10, runningLimit: 2) { _ in
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

    @Test("no more than the limit run at once, and what nobody waits for any more is not begun")
    func runningLimit() async throws {
        let begun = Recorded<String>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let work = SharedWork<String, Int>(limit: 10, runningLimit: 1) { key in
            begun.append(key)
            if key == "a" { for await _ in gate {} }
            return 1
        }
        try await self.running(work) { () async throws in
            try await withThrowingTaskGroup(of: Int?.self) { group in
                group.addTask { try await work.value(for: "a") }
                while begun.values.isEmpty { await Task.yield() }
                group.addTask { try await work.value(for: "b") }
                while work.waitingCount < 2 { await Task.yield() }
                group.addTask {
                    await withTaskGroup(of: Int?.self) { impatient in
                        impatient.addTask { try? await work.value(for: "c") }
                        while work.waitingCount < 3 { await Task.yield() }
                        impatient.cancelAll()
                        return await impatient.next() ?? nil
                    }
                }
                let impatient = try await group.next()
                #expect(impatient == .some(nil))
                #expect(begun.values == ["a"])
                open.finish()
                for try await value in group { #expect(value == 1) }
                let last = try await work.value(for: "d")
                #expect(last == 1)
            }
        }
        #expect(begun.values == ["a", "b", "d"])
    }

    @Test("a failure reaches everybody, and the next one tries again")
    func failure() async throws {
        let isFirst = Mutex(true)
        let work = SharedWork<String, Int>(limit: 10, runningLimit: 2) { _ in
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
