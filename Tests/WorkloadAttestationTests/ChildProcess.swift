import CLinux
import ChildPrograms
import Foundation
import Glibc
import TestSupport
import WorkloadAttestation

/// A real process that waits until it is told to end.
final class ChildProcess: Sendable {
    private let program: ChildProgram
    private let input = Pipe()

    /// Runs a shell that says it is ready, and returns once it has.
    ///
    /// - Parameters:
    ///   - shell: The program to run as a shell.
    ///   - prefix: A program and arguments that execute the shell.
    init(shell: String = "/bin/sh", prefix: [String] = []) throws {
        let command = prefix + [shell, "-c", "echo ready; read line"]
        let output = Pipe()
        self.program = try ChildProgram(
            command[0], Array(command.dropFirst()),
            input: .descriptor(self.input.fileHandleForReading.fileDescriptor),
            output: .descriptor(output.fileHandleForWriting.fileDescriptor), error: .inherited)
        try output.fileHandleForWriting.close()
        guard try output.fileHandleForReading.read(upToCount: 5) == Data("ready".utf8) else {
            throw POSIXError(.ECHILD)
        }
    }

    deinit {
        self.program.signal(SIGTERM)
    }

    var pid: Int32 { self.program.pid }

    /// Ends the process and returns once it has ended.
    func end() throws {
        try self.input.fileHandleForWriting.close()
        self.program.blockUntilEnd()
    }

    /// A pidfd of the process, for its taker to close.
    func openDescriptor() throws -> CInt {
        let descriptor = clinux_pidfd_open(self.pid)
        guard descriptor >= 0 else { throw POSIXError(.ESRCH) }
        return descriptor
    }

    /// The process as the transport would hand it over.
    func workload(uid: UInt32 = geteuid(), gid: UInt32 = getegid()) throws -> WorkloadProcess {
        WorkloadProcess(pid: self.pid, uid: uid, gid: gid, pidfd: try self.openDescriptor())
    }
}

/// Whether this test runs as root and may become others.
let isRoot = geteuid() == 0

/// A program that executes another in a user and a mount namespace of its own, as any user may on most machines.
let mayMountPrefix = ["/usr/bin/unshare", "--user", "--map-root-user", "--mount"]

/// Whether this machine lets this user have such namespaces.
let mayMount: Bool = {
    let program = try? ChildProgram(
        mayMountPrefix[0], mayMountPrefix.dropFirst() + ["/bin/true"], output: .nothing, error: .nothing)
    return program?.blockUntilEnd() == 0
}()
