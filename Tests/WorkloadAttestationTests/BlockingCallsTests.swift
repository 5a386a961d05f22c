import Dispatch
import Rotation
import Synchronization
import TestSupport
import Testing
import WorkloadAttestation

@Suite("Calls that may block", .timeLimit(.minutes(1)))
struct BlockingCallsTests {
    @Test("calls that block leave the threads of tasks free")
    func threads() async throws {
        let calls = BlockingCalls(maxThreads: 64, maxThreadsPerUser: 64)
        let door = BlockedDoor()
        try await withThrowingTaskGroup(of: Bool.self) { group async throws in
            for _ in 0..<64 { group.addTask { try await calls.run(for: 1) { _ in door.pass() } } }
            try await waitUntil { door.arrivedCount == 64 }
            door.open(for: 64)
            for try await passed in group { #expect(passed) }
        }
    }

    @Test("as many run at a time as the limits say, in all and for each user")
    func limits() async throws {
        let calls = BlockingCalls(maxThreads: 3, maxThreadsPerUser: 2)
        let door = BlockedDoor()
        try await withThrowingTaskGroup(of: Bool.self) { group async throws in
            for _ in 0..<3 { group.addTask { try await calls.run(for: 1) { _ in door.pass() } } }
            try await waitUntil { door.arrivedCount == 2 && calls.waitingCount == 1 }
            for _ in 0..<2 { group.addTask { try await calls.run(for: 2) { _ in door.pass() } } }
            try await waitUntil { door.arrivedCount == 3 && calls.waitingCount == 2 }
            door.open(for: 5)
            for try await passed in group { #expect(passed) }
        }
    }

    @Test("a call that nobody waits for any more learns of it, and keeps its place until it returns")
    func abandoned() async throws {
        let calls = BlockingCalls(maxThreads: 2, maxThreadsPerUser: 1)
        let door = BlockedDoor()
        let wasAbandoned = Watched<Bool?>(nil)
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask {
                try await calls.run(for: 1) { isAbandoned in
                    _ = door.pass()
                    wasAbandoned.publish(isAbandoned())
                }
            }
            try await waitUntil { door.arrivedCount == 1 }
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.waitForAll() }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group async throws in
            group.addTask { try await calls.run(for: 1) { isAbandoned in isAbandoned() } }
            try await waitUntil { calls.waitingCount == 1 }
            #expect(wasAbandoned.current == nil)
            door.open(for: 1)
            #expect(try await group.next() == false)
        }
        #expect(wasAbandoned.current == true)
    }
}

/// A door at which threads are held up until it is opened for them.
final class BlockedDoor: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let arrived = Mutex(0)

    var arrivedCount: Int { self.arrived.withLock { $0 } }

    /// Whether the door was opened; gives up in the end, so that a failing test ends.
    func pass() -> Bool {
        self.arrived.withLock { $0 += 1 }
        return self.semaphore.wait(timeout: .now() + .seconds(20)) == .success
    }

    func open(for count: Int) {
        for _ in 0..<count { self.semaphore.signal() }
    }
}
