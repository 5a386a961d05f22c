import ChildPrograms
import Glibc
import TestSupport
import Testing

@Suite("Programs that are started", .timeLimit(.minutes(1)))
struct ChildProgramTests {
    @Test("a program reads what it is given, and what it prints on both streams comes back")
    func streams() async throws {
        let output = try await runProcess("sh", ["-c", "cat; echo problem >&2; exit 3"], input: Array("text".utf8))
        #expect(output.status == 3)
        #expect(output.outputText == "text")
        #expect(output.errorText == "problem\n")
    }

    @Test("one that a signal ended has the number of the signal as its status, however many wait")
    func signal() async throws {
        let program = try ChildProgram("sleep", ["600"], output: .nothing, error: .nothing)
        #expect(program.isRunning)
        async let first = program.waitForEnd()
        async let second = program.waitForEnd()
        program.signal(SIGTERM)
        #expect(await [first, second, program.waitForEnd()] == [SIGTERM, SIGTERM, SIGTERM])
        #expect(program.blockUntilEnd() == SIGTERM)
        #expect(!program.isRunning)
    }

    @Test("the environment is the one given, or this process's own")
    func environment() async throws {
        let output = try await runProcess("/usr/bin/env", environment: ["A": "b c"])
        #expect(output.outputText == "A=b c\n")
        #expect(try await runProcess("/usr/bin/env").outputText.contains("PATH="))
    }

    @Test("a program that is not there is an error with its name and the system's reason")
    func missing() throws {
        #expect(throws: ChildProgramError(program: "/nowhere/program", code: ENOENT)) {
            try ChildProgram("/nowhere/program", output: .nothing, error: .nothing)
        }
    }

    @Test("a stream that cannot be opened is an error, and nothing runs")
    func noStream() throws {
        #expect(throws: ChildProgramError(program: "true", code: ENOENT)) {
            try ChildProgram("true", output: .file("/nowhere/output"), error: .nothing)
        }
    }

    @Test("it blocks and ignores no signal, whatever this process does")
    func signals() throws {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGUSR1)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        defer { unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil) }
        let previous = Glibc.signal(SIGUSR2, SIG_IGN)
        defer { _ = Glibc.signal(SIGUSR2, previous) }
        let directory = try TemporaryDirectory()
        let program = try ChildProgram(
            "grep", ["-E", "^Sig(Blk|Ign):", "/proc/self/status"], output: .file(directory.path("output")),
            error: .nothing)
        #expect(program.blockUntilEnd() == 0)
        let status = try String(decoding: directory.read("output"), as: UTF8.self)
        let sets = status.split(separator: "\n").compactMap { UInt64($0.suffix(16), radix: 16) }
        // Signals 32 and 33 are the C library's own.
        #expect(sets.map { $0 & ~(3 << 31) } == [0, 0])
    }

    /// Foundation's `Process` reads past the end of an allocation here, and mostly crashes.
    @Test("programs start while fifteen hundred descriptors are open, and get none of them")
    func manyDescriptors() throws {
        let directory = try TemporaryDirectory()
        let descriptors = try OpenDescriptors(count: 1_500)
        for _ in 0..<20 {
            let program = try ChildProgram(
                "ls", ["/proc/self/fd"], output: .file(directory.path("output")), error: .nothing)
            #expect(program.blockUntilEnd() == 0)
            // The three streams, and the directory that ls reads.
            #expect(try directory.read("output") == Array("0\n1\n2\n3\n".utf8))
        }
        #expect(descriptors.count == 1_500)
    }
}

/// Descriptors that this process holds open, inheritable as those of careless libraries are.
private final class OpenDescriptors {
    private let descriptors: [CInt]
    private let limit: rlimit

    init(count: Int) throws {
        var limit = rlimit()
        try #require(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        self.limit = limit
        limit.rlim_cur = max(limit.rlim_cur, rlim_t(count + 500))
        try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        self.descriptors = (0..<count).map { _ in unsafe open("/dev/null", O_RDONLY) }
    }

    /// How many could be opened.
    var count: Int { self.descriptors.count { $0 >= 0 } }

    deinit {
        for descriptor in self.descriptors where descriptor >= 0 { close(descriptor) }
        var limit = self.limit
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
