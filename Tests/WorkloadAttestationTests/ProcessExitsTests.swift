import CLinux
import Glibc
import Rotation
import TestSupport
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
        let ended = Watched(0)
        try await withThrowingTaskGroup(of: Void.self) { waiting async throws in
            for _ in 0..<2 {
                waiting.addTask {
                    try await exits.waitForExit(of: workload)
                    ended.publish(ended.current + 1)
                }
            }
            try await waitUntil { exits.waitingCount == 2 }
            for _ in 0..<100 {
                try await withThrowingTaskGroup(of: Void.self) { cancelled async throws in
                    cancelled.addTask {
                        await #expect(throws: CancellationError.self) { try await exits.waitForExit(of: workload) }
                    }
                    try await waitUntil { exits.waitingCount == 3 }
                    cancelled.cancelAll()
                }
                #expect(exits.waitingCount == 2)
            }
            #expect(ended.current == 0)
            try child.end()
            try await waiting.waitForAll()
        }
        #expect(exits.waitingCount == 0)
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
        let pid = try Self.spawn("/bin/cat", input: "/dev/null")
        let descriptor = clinux_pidfd_open(pid)
        try #require(descriptor >= 0)
        let workload = WorkloadProcess(pid: pid, uid: geteuid(), gid: getegid(), pidfd: descriptor)
        // Returns when it has exited, and leaves it as it is.
        var information = unsafe siginfo_t()
        try #require(unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == 0)
        #expect(kill(pid, 0) == 0)
        #expect(!workload.isAlive)
        var status: CInt = 0
        #expect(unsafe waitpid(pid, &status, 0) == pid)
        #expect(!workload.isAlive)
    }

    /// Starts a program whose end nobody waits for, unlike that of Foundation's processes.
    private static func spawn(_ program: String, input: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
        var pid: pid_t = 0
        let name = unsafe strdup(program)
        defer { unsafe free(name) }
        var arguments = unsafe [name, nil]
        let code = unsafe posix_spawn(&pid, program, &actions, nil, &arguments, nil)
        try #require(code == 0)
        return pid
    }
}
