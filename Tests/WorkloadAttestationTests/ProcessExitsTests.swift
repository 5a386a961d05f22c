import Testing
import WorkloadAttestation

@Suite("Waiting for the exit of processes", .timeLimit(.minutes(1)))
struct ProcessExitsTests {
    @Test("a wait ends when its process exits, and others go on")
    func exit() async throws {
        let exits = try ProcessExits()
        let ending = try ChildProcess()
        let living = try ChildProcess()
        let workloads = (ending: try ending.workload(), living: try living.workload())
        try await withThrowingTaskGroup(of: String.self) { group in
            group.addTask {
                try await exits.waitForExit(of: workloads.ending)
                return "ending"
            }
            group.addTask {
                try await exits.waitForExit(of: workloads.living)
                return "living"
            }
            try ending.end()
            #expect(try await group.next() == "ending")
            group.cancelAll()
        }
        #expect(workloads.living.isAlive)
    }

    @Test("a wait for a process that has exited ends at once")
    func alreadyExited() async throws {
        let exits = try ProcessExits()
        let child = try ChildProcess()
        let workload = try child.workload()
        try child.end()
        try await exits.waitForExit(of: workload)
    }

    @Test("a cancelled wait ends with CancellationError")
    func cancelled() async throws {
        let exits = try ProcessExits()
        let child = try ChildProcess()
        let workload = try child.workload()
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await exits.waitForExit(of: workload) }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        #expect(workload.isAlive)
    }

    @Test("several may wait on one descriptor, and one that is cancelled does not end the others")
    func shared() async throws {
        let exits = try ProcessExits()
        let child = try ChildProcess()
        let workload = try child.workload()
        try await withThrowingTaskGroup(of: Void.self) { waiting in
            for _ in 0..<2 { waiting.addTask { try await exits.waitForExit(of: workload) } }
            for _ in 0..<100 {
                await withTaskGroup(of: Void.self) { cancelled in
                    cancelled.addTask {
                        await #expect(throws: CancellationError.self) { try await exits.waitForExit(of: workload) }
                    }
                    await Task.yield()
                    cancelled.cancelAll()
                }
            }
            try child.end()
            try await waiting.waitForAll()
        }
    }

    @Test("several may wait for the same process")
    func several() async throws {
        let exits = try ProcessExits()
        let child = try ChildProcess()
        let workload = try child.workload()
        let other = try child.workload()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await exits.waitForExit(of: workload) }
            group.addTask { try await exits.waitForExit(of: other) }
            try child.end()
            try await group.waitForAll()
        }
    }

    @Test("a process that has exited is not alive, even while its parent does not know")
    func zombie() throws {
        let child = try ChildProcess()
        let workload = try child.workload()
        #expect(workload.isAlive)
        try child.end()
        #expect(!workload.isAlive)
    }
}
