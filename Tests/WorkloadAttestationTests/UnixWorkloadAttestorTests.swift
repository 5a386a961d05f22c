import Foundation
import Glibc
import Registration
import Rotation
import TestSupport
import Testing
import WorkloadAttestation

@Suite("The unix workload attestor", .timeLimit(.minutes(1)))
struct UnixWorkloadAttestorTests {
    private func selectors(
        of child: ChildProcess, _ attestor: UnixWorkloadAttestor = UnixWorkloadAttestor(instants: .system),
        uid: UInt32 = geteuid(), gid: UInt32 = getegid(), wanted: [String] = []
    ) async throws -> [String] {
        let findings = try await attest(
            child.workload(uid: uid, gid: gid), with: [attestor], wanted: Self.wanted(wanted))
        return findings.selectors.map(\.description).sorted()
    }

    private static func wanted(_ kinds: [String]) throws -> WantedSelectors {
        WantedSelectors(try kinds.map { try Selector(type: "unix", value: "\($0):x") })
    }

    @Test("a process has the uid and gid of its connection")
    func userAndGroup() async throws {
        let selectors = try await self.selectors(of: ChildProcess())
        #expect(selectors.contains("unix:uid:\(geteuid())"))
        #expect(selectors.contains("unix:gid:\(getegid())"))
    }

    @Test("names are what id prints")
    func names() async throws {
        let selectors = try await self.selectors(of: ChildProcess(), wanted: ["user", "group"])
        for (option, key) in [("-un", "user"), ("-gn", "group")] {
            let id = try await runProcess("id", [option])
            let name = id.outputText.trimmingCharacters(in: .newlines)
            // `id` fails for a number without a name, which it prints.
            #expect(selectors.contains("unix:\(key):\(name)") == (id.status == 0))
        }
    }

    @Test("another user without a name has numbers only", .enabled(if: isRoot, "only root can become another user"))
    func unnamedUser() async throws {
        let prefix = ["/usr/bin/setpriv", "--reuid=54321", "--regid=54322", "--clear-groups"]
        let selectors = try await self.selectors(
            of: ChildProcess(prefix: prefix), uid: 54_321, gid: 54_322, wanted: ["user", "group"])
        #expect(selectors == ["unix:gid:54322", "unix:uid:54321"])
    }

    @Test(
        "supplementary groups come as numbers, and as names where they have one",
        .enabled(if: isRoot, "only root can become another user"))
    func supplementaryGroups() async throws {
        let prefix = ["/usr/bin/setpriv", "--reuid=54321", "--regid=54322", "--groups=1,54323"]
        let selectors = try await self.selectors(
            of: ChildProcess(prefix: prefix), uid: 54_321, gid: 54_322, wanted: ["supplementary_group"])
        #expect(
            selectors.filter { $0.hasPrefix("unix:supplementary") } == [
                "unix:supplementary_gid:1", "unix:supplementary_gid:54323", "unix:supplementary_group:daemon",
            ])
    }

    @Test("the path is the program's, not that of a link to it")
    func path() async throws {
        try await withTemporaryDirectory { directory in
            let program = try Self.copyShell(to: directory, "program")
            try FileManager.default.createSymbolicLink(
                atPath: directory.path("link"), withDestinationPath: program)
            let selectors = try await self.selectors(of: ChildProcess(shell: directory.path("link")), wanted: ["path"])
            #expect(selectors.contains("unix:path:\(program)"))
        }
    }

    @Test("without discovery there is no path and no hash")
    func noDiscovery() async throws {
        let selectors = try await self.selectors(
            of: ChildProcess(), UnixWorkloadAttestor(discoversPath: false, instants: .system),
            wanted: ["path", "sha256"])
        #expect(!selectors.contains { $0.hasPrefix("unix:path") || $0.hasPrefix("unix:sha256") })
    }

    @Test("the hash is what sha256sum prints, and is made once")
    func hash() async throws {
        try await withTemporaryDirectory { directory in
            let program = try Self.copyShell(to: directory, "program")
            let sum = try await runProcess("sha256sum", [program]).outputText.prefix(64)
            let child = try ChildProcess(shell: program)
            let looks = Watched(0)
            let host = HostAnswers(program: { process, asksForPath throws(ProcError) in
                looks.publish(looks.current + 1)
                return try ProgramLook(at: process, asksForPath: asksForPath)
            })
            // A moment at which the copy has not just changed.
            let time = ManualInstants(now: Date().addingTimeInterval(3_600))
            let attestor = UnixWorkloadAttestor(instants: time.instants, host: host)
            // The program is looked at again after it was hashed; the second answer comes from memory.
            for expectedLooks in [2, 3] {
                let selectors = try await self.selectors(of: child, attestor, wanted: ["sha256"])
                #expect(selectors.contains("unix:sha256:\(sum)"))
                #expect(looks.current == expectedLooks)
            }
        }
    }

    @Test("the hash is of the program that runs, not of what has taken its path")
    func hashOfReplacedProgram() async throws {
        try await withTemporaryDirectory { directory in
            let program = try Self.copyShell(to: directory, "program")
            let sum = try await runProcess("sha256sum", [program]).outputText.prefix(64)
            let child = try ChildProcess(shell: program)
            try FileManager.default.removeItem(atPath: program)
            try directory.write(Array("another".utf8), to: "program", mode: 0o755)
            let selectors = try await self.selectors(
                of: child, wanted: ["path", "sha256"])
            #expect(selectors.contains("unix:sha256:\(sum)"))
            #expect(!selectors.contains { $0.hasPrefix("unix:path:") })
        }
    }

    @Test(
        "a file that is mounted over a program in a user namespace does not have the program's path",
        .enabled(if: mayMount, "needs the right to mount"))
    func mountedOver() async throws {
        try await withTemporaryDirectory { directory in
            let program = try Self.copyShell(to: directory, "program")
            let other = try Self.copyShell(to: directory, "other")
            let mount = "mount --bind '\(other)' '\(program)' && exec \"$@\""
            let inside = try ChildProcess(shell: program, prefix: mayMountPrefix + ["/bin/sh", "-c", mount, "sh"])
            let outside = try ChildProcess(shell: "/proc/\(inside.pid)/root\(program)")
            for child in [inside, outside] {
                // What is forged: the kernel's link says so.
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/exe")
                #expect(link == program)
                let findings = try await attest(
                    child.workload(), with: [UnixWorkloadAttestor(instants: .system)], wanted: Self.wanted(["path"]))
                #expect(!findings.selectors.contains { $0.value.hasPrefix("path:") })
                #expect(findings.undetermined["unix:path"]?.hasPrefix("\(program) is not the program there") == true)
            }
        }
    }

    @Test("a program is not hashed when no entry asks for it")
    func noHash() async throws {
        let selectors = try await self.selectors(
            of: ChildProcess(),
            wanted: ["path"])
        #expect(!selectors.contains { $0.hasPrefix("unix:sha256") })
    }

    @Test("a program longer than the limit is not hashed, and it is said why")
    func sizeLimit() async throws {
        let child = try ChildProcess()
        let findings = try await attest(
            child.workload(), with: [UnixWorkloadAttestor(workloadSizeLimit: 100, instants: .system)],
            wanted: Self.wanted(["sha256"]))
        let size =
            try FileManager.default.attributesOfItem(
                atPath: URL(fileURLWithPath: "/bin/sh").resolvingSymlinksInPath().path)[.size] as? Int
        #expect(
            findings.undetermined == ["unix:sha256": "the program has \(try #require(size)) bytes, the limit is 100"])
        #expect(!findings.selectors.contains { $0.value.hasPrefix("sha256") })
    }

    @Test("a program whose name looks like the status of a process changes nothing")
    func misleadingName() async throws {
        try await withTemporaryDirectory { directory in
            // As long as the kernel keeps of a name: 15 bytes.
            for name in ["\nUid:\t7\t7\t7\t7", "Uid:\t7\t7\t7\t7", "\nGroups:\t7"] {
                let program = try Self.copyShell(to: directory, name)
                let child = try ChildProcess(shell: program)
                let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
                #expect(status.hasPrefix("Name:\t" + name.replacing("\n", with: "\\n") + "\n"))
                let selectors = try await self.selectors(of: child)
                #expect(selectors.contains("unix:uid:\(geteuid())"))
                #expect(!selectors.contains("unix:supplementary_gid:7"))
            }
        }
    }

    private static func copyShell(to directory: TemporaryDirectory, _ name: String) throws -> String {
        let path = directory.path(name)
        let shell = URL(fileURLWithPath: "/bin/sh").resolvingSymlinksInPath()
        try FileManager.default.copyItem(at: shell, to: URL(fileURLWithPath: path))
        return path
    }
}
