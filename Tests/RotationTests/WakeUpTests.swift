import FoundationEssentials
import Rotation
import Synchronization
import TestSupport
import Testing

@Suite("Waiting for a signal or a moment", .timeLimit(.minutes(1)))
struct WakeUpTests {
    private let time = ManualInstants()

    @Test("a signal that came before the wait ends it, once")
    func kept() async throws {
        let wakeUp = WakeUp()
        wakeUp.signal()
        wakeUp.signal()
        try await wakeUp.wait()
        let deadline = self.time.now.addingTimeInterval(1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await wakeUp.wait(until: deadline, instants: self.time.instants) }
            try await self.time.waitForSleepers(1)
            self.time.advance(by: .seconds(1))
            try await group.next()
        }
    }

    @Test("a wait ends at a signal before its moment, and can be repeated")
    func signalBeforeDeadline() async throws {
        let wakeUp = WakeUp()
        for _ in 0..<3 {
            let deadline = self.time.now.addingTimeInterval(60)
            async let waiting: Void = wakeUp.wait(until: deadline, instants: self.time.instants)
            try await self.time.waitForSleepers(1)
            wakeUp.signal()
            try await waiting
            #expect(self.time.sleeperCount == 0)
        }
    }

    @Test("a wait for a length of time ends by that, or by a signal, and never by a clock that is set")
    func duration() async throws {
        let wakeUp = WakeUp()
        async let untilTheEnd: Void = wakeUp.wait(until: nil, atMost: .seconds(5), instants: self.time.instants)
        try await self.time.waitForSleepers(1)
        self.time.set(to: self.time.now.addingTimeInterval(3_600))
        #expect(self.time.sleeperCount == 1)
        self.time.advance(by: .seconds(5))
        try await untilTheEnd
        async let untilASignal: Void = wakeUp.wait(until: nil, atMost: .seconds(5), instants: self.time.instants)
        try await self.time.waitForSleepers(1)
        wakeUp.signal()
        try await untilASignal
        #expect(self.time.sleeperCount == 0)
    }

    @Test("a wait that ended by its moment leaves the next one whole")
    func afterDeadline() async throws {
        let wakeUp = WakeUp()
        let rounds = Rounds()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    let deadline = self.time.now.addingTimeInterval(1)
                    try await wakeUp.wait(until: deadline, instants: self.time.instants)
                    rounds.add()
                }
            }
            for round in 0..<5 {
                try await self.time.waitForSleepers(1)
                #expect(rounds.count == round)
                self.time.advance(by: .seconds(1))
                while rounds.count == round { await Task.yield() }
            }
            group.cancelAll()
        }
    }

    @Test("a cancelled wait ends with CancellationError, and keeps no signal")
    func cancelled() async throws {
        let wakeUp = WakeUp()
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await wakeUp.wait() }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        let deadline = self.time.now.addingTimeInterval(1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await wakeUp.wait(until: deadline, instants: self.time.instants) }
            try await self.time.waitForSleepers(1)
            self.time.advance(by: .seconds(1))
            try await group.next()
        }
    }
}

/// A number that tasks count up.
private final class Rounds: Sendable {
    private let number = Mutex(0)

    var count: Int { self.number.withLock { $0 } }

    func add() {
        self.number.withLock { $0 += 1 }
    }
}
