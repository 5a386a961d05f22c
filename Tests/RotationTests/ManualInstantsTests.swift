import FoundationEssentials
import Rotation
import TestSupport
import Testing

@Suite("Manual instants", .timeLimit(.minutes(1)))
struct ManualInstantsTests {
    @Test("those whose moment has come wake, in the order of their moments; the others sleep on")
    func wakesInOrder() async throws {
        let time = ManualInstants()
        let woken = Recorded<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seconds in [1, 2, 60] {
                group.addTask {
                    try await time.instants.sleep(for: .seconds(seconds))
                    woken.append(seconds)
                }
            }
            try await time.waitForSleepers(3)
            #expect(time.nextDeadline == time.now.addingTimeInterval(1))
            time.advance(by: .seconds(1))
            time.advance(by: .seconds(1))
            #expect(time.sleeperCount == 1)
            try await group.next()
            try await group.next()
            #expect(woken.values.sorted() == [1, 2])
            time.advance(by: .seconds(58))
            try await group.next()
        }
        #expect(woken.values.last == 60)
    }

    @Test("a moment that has passed is not waited for")
    func past() async throws {
        let time = ManualInstants()
        try await time.instants.sleep(until: time.now)
        try await time.instants.sleep(for: .seconds(-5))
        #expect(time.sleeperCount == 0)
    }

    @Test("time moves by exactly what it is advanced by")
    func advances() {
        let time = ManualInstants(now: Date(timeIntervalSince1970: 100))
        time.advance(by: .milliseconds(1_500))
        #expect(time.now == Date(timeIntervalSince1970: 101.5))
        #expect(time.instants.now() == time.now)
    }

    @Test("a cancelled sleeper throws and is forgotten")
    func cancelledSleeper() async throws {
        let time = ManualInstants()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do { try await time.instants.sleep(for: .seconds(1)) } catch { return error is CancellationError }
                return false
            }
            try? await time.waitForSleepers(1)
            group.cancelAll()
            for await wasCancelled in group { #expect(wasCancelled) }
        }
        #expect(time.sleeperCount == 0)
    }

    @Test("waiting for sleepers that never come ends when it is cancelled")
    func cancelledObserver() async {
        let time = ManualInstants()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do { try await time.waitForSleepers(1) } catch { return error is CancellationError }
                return false
            }
            group.cancelAll()
            for await wasCancelled in group { #expect(wasCancelled) }
        }
    }

    @Test("a loop that sleeps again is driven step by step")
    func loop() async throws {
        let time = ManualInstants()
        let rounds = Recorded<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for round in 0..<5 {
                    try await time.instants.sleep(for: .seconds(10))
                    rounds.append(round)
                }
            }
            for round in 0..<5 {
                try await time.waitForSleepers(1)
                #expect(rounds.values.count == round)
                time.advance(by: .seconds(10))
            }
            try await group.waitForAll()
        }
        #expect(rounds.values == [0, 1, 2, 3, 4])
    }
}
