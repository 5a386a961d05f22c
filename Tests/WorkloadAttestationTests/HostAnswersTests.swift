import FoundationEssentials
import Glibc
import Registration
import Rotation
import Synchronization
import TestSupport
import Testing
import WorkloadAttestation

@Suite("What the unix attestor asks the machine", .timeLimit(.minutes(1)))
struct HostAnswersTests {
    private let time = ManualInstants()
    private let child: ChildProcess

    init() throws {
        self.child = try ChildProcess()
    }

    private func attest(_ host: HostAnswers, _ kinds: [String]) async throws -> WorkloadFindings {
        try await WorkloadAttestation.attest(
            self.child.workload(), with: [UnixWorkloadAttestor(instants: self.time.instants, host: host)],
            wanted: self.wanted(kinds))
    }

    private func wanted(_ kinds: [String]) throws -> WantedSelectors {
        WantedSelectors(try kinds.map { try Selector(type: "unix", value: "\($0):x") })
    }

    @Test("nothing that may block is asked unless an entry uses it")
    func unwanted() async throws {
        let host = HostAnswers(
            name: { account in
                Issue.record("asked for the name of \(account)")
                return .none
            },
            program: { process, _ throws(ProcError) in
                Issue.record("looked at the program")
                throw ProcError(path: "/proc", code: EIO)
            })
        let findings = try await self.attest(host, ["uid", "supplementary_gid"])
        let kinds = Set(findings.selectors.map { $0.value.prefix { $0 != ":" } })
        #expect(kinds.isSubset(of: ["uid", "gid", "supplementary_gid"]) && kinds.isSuperset(of: ["uid", "gid"]))
        #expect(findings.undetermined.isEmpty)
    }

    @Test("the path is not judged where only the hash is wanted")
    func hashOnly() async throws {
        let host = HostAnswers(program: { process, asksForPath throws(ProcError) in
            if asksForPath { Issue.record("asked for the path") }
            return try ProgramLook(at: process, asksForPath: asksForPath)
        })
        let findings = try await self.attest(host, ["sha256"])
        #expect(findings.selectors.contains { $0.value.hasPrefix("sha256:") })
        #expect(!findings.selectors.contains { $0.value.hasPrefix("path:") })
    }

    @Test("an answer that does not come ends the attestation after five seconds", arguments: ["user", "path"])
    func limit(kind: String) async throws {
        let door = BlockedDoor()
        let host = HostAnswers(
            name: { _ in
                _ = door.pass()
                return .none
            },
            program: { process, asksForPath throws(ProcError) in
                _ = door.pass()
                return try ProgramLook(at: process, asksForPath: asksForPath)
            })
        let timedOut = WorkloadAttestationError.timedOut(limit: .seconds(5))
        try await withThrowingTaskGroup(of: Void.self) { group async throws in
            group.addTask {
                await #expect(throws: WorkloadAttestationError.attestorsFailed(["unix": "\(timedOut)"])) {
                    try await self.attest(host, [kind])
                }
            }
            try await waitUntil { door.arrivedCount == 1 }
            try await self.time.waitForSleepers(1)
            #expect(self.time.nextDeadline == self.time.now.addingTimeInterval(5))
            self.time.advance(by: .seconds(5))
            try await group.waitForAll()
        }
        door.open(for: 1)
    }

    @Test("a cancelled attestation says so")
    func cancelled() async throws {
        let workload = try self.child.workload()
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask {
                await #expect(throws: WorkloadAttestationError.cancelled) {
                    try await WorkloadAttestation.attest(
                        workload, with: [UnixWorkloadAttestor(instants: self.time.instants)],
                        wanted: self.wanted(["path"]))
                }
            }
        }
    }

    @Test("a name counts for a minute, as does that there is none")
    func remembering() async throws {
        let asked = Mutex<[Account]>([])
        let host = HostAnswers(name: { account in
            asked.withLock { $0.append(account) }
            switch account {
            case .user: return .name("alice")
            case .group: return .none
            }
        })
        let attestor = UnixWorkloadAttestor(instants: self.time.instants, host: host)
        let wanted = try self.wanted(["user", "group"])
        func attestAgain() async throws -> (WorkloadFindings, asked: Set<Account>) {
            asked.withLock { $0 = [] }
            let findings = try await WorkloadAttestation.attest(
                self.child.workload(), with: [attestor], wanted: wanted)
            return (findings, Set(asked.withLock { $0 }))
        }
        let accounts: Set<Account> = [.user(geteuid()), .group(getegid())]
        let (findings, first) = try await attestAgain()
        #expect(first == accounts)
        #expect(findings.selectors.contains(try Selector(type: "unix", value: "user:alice")))
        #expect(findings.undetermined.isEmpty)
        self.time.advance(by: .milliseconds(59_999))
        let (again, second) = try await attestAgain()
        #expect(second.isEmpty)
        #expect(again == findings)
        self.time.advance(by: .milliseconds(1))
        #expect(try await attestAgain().asked == accounts)
        // A clock that is set back makes no name count longer.
        self.time.set(to: self.time.now.addingTimeInterval(-1))
        #expect(try await attestAgain().asked == accounts)
    }

    @Test("a name that the machine could not tell is said to be undetermined, and asked for again")
    func unknownName() async throws {
        let asked = Mutex(0)
        let host = HostAnswers(name: { _ in
            asked.withLock { $0 += 1 }
            return .unknown(code: EIO)
        })
        let attestor = UnixWorkloadAttestor(instants: self.time.instants, host: host)
        for count in 1...2 {
            let findings = try await WorkloadAttestation.attest(
                self.child.workload(), with: [attestor], wanted: self.wanted(["group"]))
            #expect(findings.undetermined == ["unix:group": "this machine cannot tell the name: error \(EIO)"])
            #expect(asked.withLock { $0 } == count)
        }
    }

    @Test(
        "of very many supplementary groups the first count, and it is said",
        .enabled(if: isRoot, "only root has many"))
    func manyGroups() async throws {
        let groups = (1...1_025).map { "\($0)" }.joined(separator: ",")
        let child = try ChildProcess(
            prefix: ["/usr/bin/setpriv", "--reuid=54321", "--regid=54322", "--groups=\(groups)"])
        let asked = Mutex(0)
        let host = HostAnswers(name: { account in
            asked.withLock { $0 += 1 }
            return .none
        })
        let findings = try await WorkloadAttestation.attest(
            child.workload(uid: 54_321, gid: 54_322),
            with: [UnixWorkloadAttestor(instants: self.time.instants, host: host)],
            wanted: self.wanted(["supplementary_group"]))
        #expect(findings.selectors.count { $0.value.hasPrefix("supplementary_gid:") } == 1_024)
        #expect(
            findings.undetermined == ["unix:supplementary_gid": "the process has 1025 groups, the first 1024 count"])
        #expect(asked.withLock { $0 } == 1_024)
    }
}
