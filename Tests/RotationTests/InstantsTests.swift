import FoundationEssentials
import Rotation
import Synchronization
import Testing

@Suite("Instants", .timeLimit(.minutes(1)))
struct InstantsTests {
    /// A wall clock that only pauses move, and what they were.
    private final class Clock: Sendable {
        let state = Mutex((now: Date(timeIntervalSince1970: 1_000), pauses: [Duration]()))

        func instants(pausing: @escaping @Sendable (_ now: inout Date, Duration) -> Void) -> Instants {
            Instants.wallClock(
                now: { self.state.withLock { $0.now } },
                pause: { duration in
                    self.state.withLock { state in
                        state.pauses.append(duration)
                        pausing(&state.now, duration)
                    }
                })
        }

        var pauses: [Duration] { self.state.withLock { $0.pauses } }
    }

    @Test("waiting for a moment reads the wall clock again every 5 seconds")
    func rereads() async throws {
        let clock = Clock()
        let instants = clock.instants { now, duration in now += duration / .seconds(1) }
        try await instants.sleep(until: Date(timeIntervalSince1970: 1_012))
        #expect(clock.pauses == [.seconds(5), .seconds(5), .seconds(2)])
    }

    @Test("a wall clock that jumps forward ends the wait at the next reading")
    func jumpForward() async throws {
        let clock = Clock()
        let instants = clock.instants { now, _ in now += 3_600 }
        try await instants.sleep(until: Date(timeIntervalSince1970: 2_000))
        #expect(clock.pauses == [.seconds(5)])
    }

    @Test("a wall clock that is set back lengthens the wait for a moment")
    func jumpBack() async throws {
        let clock = Clock()
        let instants = clock.instants { now, duration in
            now += duration == .seconds(5) && now == Date(timeIntervalSince1970: 1_000) ? -4 : duration / .seconds(1)
        }
        try await instants.sleep(until: Date(timeIntervalSince1970: 1_005))
        #expect(clock.pauses == [.seconds(5), .seconds(5), .seconds(4)])
    }

    @Test("a wait for a duration is one pause, whatever the wall clock shows")
    func duration() async throws {
        let clock = Clock()
        try await clock.instants { now, _ in now -= 100_000 }.sleep(for: .seconds(60))
        #expect(clock.pauses == [.seconds(60)])
    }

    @Test("a source of time that is made of moments waits for durations as moments")
    func durationAsMoment() async throws {
        let asked = Mutex<[Date]>([])
        let instants = Instants(
            now: { Date(timeIntervalSince1970: 1_000) }, sleepUntil: { date in asked.withLock { $0.append(date) } })
        try await instants.sleep(for: .seconds(60))
        #expect(asked.withLock { $0 } == [Date(timeIntervalSince1970: 1_060)])
    }

    @Test(
        "a moment that has passed, or is none, is not waited for",
        arguments: [1_000, -1e12, -.infinity, .nan])
    func past(secondsSince1970: TimeInterval) async throws {
        let clock = Clock()
        try await clock.instants { _, _ in }.sleep(until: Date(timeIntervalSince1970: secondsSince1970))
        #expect(clock.pauses == [])
    }

    @Test("the distant future is waited for in steps of 5 seconds, too")
    func distantFuture() async throws {
        let clock = Clock()
        try await clock.instants { now, _ in now = .distantFuture }.sleep(until: .distantFuture)
        #expect(clock.pauses == [.seconds(5)])
    }

    @Test("the system's time wakes at the moment, not before")
    func system() async throws {
        let moment = Instants.system.now().addingTimeInterval(0.05)
        try await Instants.system.sleep(until: moment)
        #expect(Date() >= moment)
    }

    @Test("cancelling ends a wait for the system's time, also for a moment that has passed", arguments: [1e12, -1e12])
    func cancelled(secondsSince1970: TimeInterval) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                while !Task.isCancelled { await Task.yield() }
                do {
                    try await Instants.system.sleep(until: Date(timeIntervalSince1970: secondsSince1970))
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            group.cancelAll()
            for await wasCancelled in group { #expect(wasCancelled) }
        }
    }
}
