import Foundation
import Glibc
import Registration
import Rotation
import Testing
import WorkloadAttestation

@Suite("Attestation of a process", .timeLimit(.minutes(1)))
struct AttestTests {
    private let attestors: [any WorkloadAttestor] = [UnixWorkloadAttestor(instants: .system)]

    @Test("a process that has exited is refused")
    func exited() async throws {
        let child = try ChildProcess()
        let workload = try child.workload()
        try child.end()
        await #expect(throws: WorkloadAttestationError.exited) {
            try await attest(workload, with: self.attestors, wanted: WantedSelectors())
        }
    }

    @Test("a number that belongs to another process by now is refused")
    func reusedNumber() async throws {
        let dead = try ChildProcess()
        let descriptor = try dead.openDescriptor()
        try dead.end()
        let living = try ChildProcess()
        let workload = WorkloadProcess(pid: living.pid, uid: geteuid(), gid: getegid(), pidfd: descriptor)
        await #expect(throws: WorkloadAttestationError.exited) {
            try await attest(workload, with: self.attestors, wanted: WantedSelectors())
        }
    }

    @Test("a process of another user than the one who connected is refused")
    func otherUser() async throws {
        let child = try ChildProcess()
        let workload = try child.workload(uid: geteuid() + 1)
        await #expect(throws: WorkloadAttestationError.changed) {
            try await attest(workload, with: self.attestors, wanted: WantedSelectors())
        }
    }

    @Test("a process of another group than the one that connected is refused")
    func otherGroup() async throws {
        let child = try ChildProcess()
        let workload = try child.workload(gid: getegid() + 1)
        await #expect(throws: WorkloadAttestationError.changed) {
            try await attest(workload, with: self.attestors, wanted: WantedSelectors())
        }
    }

    @Test("a peer whose number the kernel does not know is refused")
    func unknownNumber() async throws {
        let child = try ChildProcess()
        let workload = WorkloadProcess(
            pid: 0, uid: geteuid(), gid: getegid(), pidfd: try child.openDescriptor())
        await #expect(throws: WorkloadAttestationError.exited) {
            try await attest(workload, with: self.attestors, wanted: WantedSelectors())
        }
    }

    @Test("a process that exits while it is attested is refused")
    func exitsMeanwhile() async throws {
        let child = try ChildProcess()
        await #expect(throws: WorkloadAttestationError.exited) {
            try await attest(
                child.workload(), with: [ScriptedAttestor { try child.end() }], wanted: WantedSelectors())
        }
    }

    @Test("an attestor that fails leaves its selectors out and says why")
    func oneFails() async throws {
        let child = try ChildProcess()
        let failing = ScriptedAttestor { throw Failure() }
        let findings = try await attest(
            child.workload(), with: self.attestors + [failing], wanted: WantedSelectors())
        #expect(findings.undetermined == ["scripted": "out of order"])
        #expect(findings.selectors.contains(try Selector(type: "unix", value: "uid:\(geteuid())")))
    }

    @Test("when every attestor fails, attestation fails")
    func allFail() async throws {
        let child = try ChildProcess()
        await #expect(throws: WorkloadAttestationError.attestorsFailed(["scripted": "out of order"])) {
            try await attest(
                child.workload(), with: [ScriptedAttestor { throw Failure() }], wanted: WantedSelectors())
        }
    }
}

private struct Failure: Error, CustomStringConvertible {
    var description: String { "out of order" }
}

private struct ScriptedAttestor: WorkloadAttestor {
    let body: @Sendable () throws -> Void

    var name: String { "scripted" }

    func attest(
        _ process: WorkloadProcess, _ status: ProcessStatus, wanted: WantedSelectors
    ) async throws -> WorkloadFindings {
        try self.body()
        return WorkloadFindings()
    }
}
