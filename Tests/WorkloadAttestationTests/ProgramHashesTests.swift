import Foundation
import Glibc
import Rotation
import Synchronization
import TestSupport
import Testing
import WorkloadAttestation

@Suite("Hashes of programs", .timeLimit(.minutes(1)))
struct ProgramHashesTests {
    /// A moment long after every file of this machine has changed.
    private let later = ManualInstants(now: Date().addingTimeInterval(3_600))

    @Test("the programs of one user are hashed one at a time, those of different users side by side")
    func oneAtATime() async throws {
        let programs = try TestPrograms(["a", "b", "c"])
        let work = ScriptedDigests()
        let hashes = ProgramHashes(instants: self.later.instants, digest: work.digest)
        try await withThrowingTaskGroup(of: String.self) { group async throws in
            group.addTask { try await hashes.digest(of: programs[0], for: 1) }
            try await work.waitForBegun(["a"])
            group.addTask { try await hashes.digest(of: programs[1], for: 1) }
            try await waitUntil { hashes.queuedCount == 1 }
            group.addTask { try await hashes.digest(of: programs[2], for: 2) }
            try await work.waitForBegun(["a", "c"])
            work.release("a")
            try await work.waitForBegun(["a", "c", "b"])
            work.release("b")
            work.release("c")
            #expect(try await group.reduce(into: Set()) { $0.insert($1) } == ["a", "b", "c"])
        }
    }

    @Test("a program is hashed once for all who ask meanwhile, whoever they are", arguments: [1, 2] as [UInt32])
    func once(uid: UInt32) async throws {
        let programs = try TestPrograms(["a"])
        let work = ScriptedDigests()
        // Just changed, so nothing is remembered.
        let hashes = ProgramHashes(
            instants: ManualInstants(now: programs[0].identity.changed).instants, digest: work.digest)
        try await withThrowingTaskGroup(of: String.self) { group async throws in
            group.addTask { try await hashes.digest(of: programs[0], for: 1) }
            try await work.waitForBegun(["a"])
            group.addTask { try await hashes.digest(of: programs[0], for: uid) }
            try await waitUntil { hashes.sharingCount == 1 }
            work.release("a")
            #expect(try await group.reduce(into: []) { $0.append($1) } == ["a", "a"])
        }
        #expect(work.begun == ["a"])
    }

    @Test("who asks for a program does not wait for what else another user has hashed")
    func otherQueue() async throws {
        let programs = try TestPrograms(["slow", "wanted"])
        let work = ScriptedDigests()
        let hashes = ProgramHashes(instants: self.later.instants, digest: work.digest)
        try await withThrowingTaskGroup(of: String.self) { group async throws in
            group.addTask { try await hashes.digest(of: programs[0], for: 1) }
            try await work.waitForBegun(["slow"])
            group.addTask { try await hashes.digest(of: programs[1], for: 1) }
            try await waitUntil { hashes.queuedCount == 1 }
            work.release("wanted")
            #expect(try await hashes.digest(of: programs[1], for: 2) == "wanted")
            group.cancelAll()
        }
    }

    @Test("who is cancelled waits no longer, and the turn goes to the next of the user")
    func cancelled() async throws {
        let programs = try TestPrograms(["a", "b"])
        let work = ScriptedDigests()
        let hashes = ProgramHashes(instants: self.later.instants, digest: work.digest)
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            for program in [programs[0], programs[1]] {
                group.addTask {
                    await #expect(throws: CancellationError.self) { try await hashes.digest(of: program, for: 1) }
                }
            }
            try await waitUntil { hashes.queuedCount == 1 }
            group.cancelAll()
        }
        work.release("b")
        #expect(try await hashes.digest(of: programs[1], for: 1) == "b")
    }

    @Test("a digest is remembered, unless the file changed within two seconds")
    func settling() async throws {
        let programs = try TestPrograms(["a"])
        let changed = programs[0].identity.changed
        let work = ScriptedDigests()
        work.release("a")
        let time = ManualInstants(now: changed.addingTimeInterval(2))
        let hashes = ProgramHashes(instants: time.instants, digest: work.digest)
        for _ in 1...2 { _ = try await hashes.digest(of: programs[0], for: 1) }
        #expect(work.begun == ["a", "a"])
        #expect(hashes.remembered(programs[0]) == nil)
        time.advance(by: .milliseconds(1))
        for _ in 1...2 { #expect(try await hashes.digest(of: programs[0], for: 1) == "a") }
        #expect(work.begun == ["a", "a", "a"])
        #expect(hashes.remembered(programs[0]) == "a")
    }

    @Test("a limited number is remembered, and the one that was not used for the longest makes room")
    func limit() async throws {
        let programs = try TestPrograms(["a", "b", "c"])
        let work = ScriptedDigests()
        for name in ["a", "b", "c"] { work.release(name) }
        let hashes = ProgramHashes(instants: self.later.instants, maxRemembered: 2, digest: work.digest)
        for index in [0, 1, 0, 2] { _ = try await hashes.digest(of: programs[index], for: 1) }
        #expect((0...2).map { hashes.remembered(programs[$0]) } == ["a", nil, "c"])
    }

    @Test("a failure is not remembered")
    func failure() async throws {
        let programs = try TestPrograms(["a"])
        let failures = Mutex(1)
        let hashes = ProgramHashes(instants: self.later.instants) { program, _ async throws in
            let fails = failures.withLock { count in
                defer { count -= 1 }
                return count > 0
            }
            if fails { throw ProgramDigestError.tooLarge(bytes: 2, limit: 1) }
            return "digest"
        }
        await #expect(throws: ProgramDigestError.tooLarge(bytes: 2, limit: 1)) {
            try await hashes.digest(of: programs[0], for: 1)
        }
        #expect(try await hashes.digest(of: programs[0], for: 1) == "digest")
    }

    @Test("a hash of which nobody wants to know the end is not finished")
    func abandoned() throws {
        let programs = try TestPrograms(["a"])
        #expect(throws: CancellationError.self) {
            try ProgramDigest.sha256(of: programs[0], maxBytes: .max) { true }
        }
    }
}

/// Programs that run under the given names.
private struct TestPrograms {
    private let directory: TemporaryDirectory
    private let children: [ChildProcess]
    private let programs: [Program]

    init(_ names: [String]) throws {
        let directory = try TemporaryDirectory()
        self.directory = directory
        let shell = URL(fileURLWithPath: "/bin/sh").resolvingSymlinksInPath()
        self.children = try names.map { name in
            try FileManager.default.copyItem(at: shell, to: URL(fileURLWithPath: directory.path(name)))
            return try ChildProcess(shell: directory.path(name))
        }
        self.programs = try self.children.map { try Program(of: $0.workload()) }
    }

    subscript(index: Int) -> Program { self.programs[index] }
}

/// Answers with the name of the program, once it is told to.
private final class ScriptedDigests: Sendable {
    private struct State {
        var begun: [String] = []
        var released: Set<String> = []
    }

    private let state = Mutex(State())
    private let changes = Watched(())

    var begun: [String] { self.state.withLock { $0.begun } }

    func release(_ name: String) {
        self.state.withLock { state in _ = state.released.insert(name) }
        self.changes.publish(())
    }

    func waitForBegun(_ names: [String]) async throws {
        for await _ in self.changes.updates() where self.begun == names { return }
        throw CancellationError()
    }

    func digest(of program: Program, _ admission: Gate<UInt32>.Admission) async throws -> String {
        defer { withExtendedLifetime(admission) {} }
        let name = program.path.split(separator: "/").last.map(String.init) ?? ""
        self.state.withLock { $0.begun.append(name) }
        self.changes.publish(())
        for await _ in self.changes.updates() where self.state.withLock({ $0.released.contains(name) }) { return name }
        throw CancellationError()
    }
}
