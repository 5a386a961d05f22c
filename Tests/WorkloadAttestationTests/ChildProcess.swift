import CLinux
import Foundation
import Glibc
import TestSupport
import WorkloadAttestation

/// A real process that waits until it is told to end.
final class ChildProcess: Sendable {
    let pid: Int32
    private let process: Process
    private let input = Pipe()

    /// Runs a shell that says it is ready, and returns once it has.
    ///
    /// - Parameters:
    ///   - shell: The program to run as a shell.
    ///   - prefix: A program and arguments that execute the shell.
    init(shell: String = "/bin/sh", prefix: [String] = []) throws {
        let command = prefix + [shell, "-c", "echo ready; read line"]
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = self.input
        let output = Pipe()
        process.standardOutput = output
        try process.start()
        self.process = process
        self.pid = process.processIdentifier
        guard try output.fileHandleForReading.read(upToCount: 5) == Data("ready".utf8) else {
            throw POSIXError(.ECHILD)
        }
    }

    deinit {
        if self.process.isRunning { self.process.terminate() }
    }

    /// Ends the process and returns once it has ended.
    func end() throws {
        try self.input.fileHandleForWriting.close()
        self.process.waitUntilExit()
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
    let process = Process()
    process.executableURL = URL(fileURLWithPath: mayMountPrefix[0])
    process.arguments = mayMountPrefix.dropFirst() + ["/bin/true"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.start()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}()
