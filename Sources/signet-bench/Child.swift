import Foundation
import Synchronization

/// Where the programs are.
struct Programs: Sendable {
    let signet: String
    let client: String
}

/// A program ended otherwise than it should have.
struct ChildFailure: Error, CustomStringConvertible {
    let description: String
}

/// A program that was started and is waited for.
final class Child: Sendable {
    private let process: Process
    private let ending: Ending

    /// Starts a program whose output and error go to files.
    ///
    /// `program` is a path, or a name to look up in `PATH`.
    init(_ program: String, _ arguments: [String], output: String, error: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // The signals that this program blocks or traps would reach its children so: openssl speed waits for SIGALRM.
        process.arguments = ["--default-signal", program] + arguments
        // Numbers are read from what tools print.
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.file(output)
        process.standardError = try Self.file(error)
        let ending = Ending()
        process.terminationHandler = { ending.happened(status: $0.terminationStatus) }
        self.process = process
        self.ending = ending
        try process.run()
    }

    private static func file(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(filePath: path))
        return try FileHandle(forWritingTo: URL(filePath: path))
    }

    var pid: Int32 { self.process.processIdentifier }
    var isRunning: Bool { self.process.isRunning }

    /// Waits for the end; asks for it when the task is cancelled.
    func waitForEnd() async -> Int32 {
        await withTaskCancellationHandler {
            await self.ending.wait()
        } onCancel: {
            self.terminate()
        }
    }

    /// Asks the program to end and waits for that.
    func stop() async -> Int32 {
        self.terminate()
        return await self.ending.wait()
    }

    private func terminate() {
        if self.process.isRunning { kill(self.pid, SIGTERM) }
    }
}

/// The end of a program, which one task waits for.
private final class Ending: Sendable {
    private enum State {
        case running
        case awaited(CheckedContinuation<Int32, Never>)
        case ended(Int32)
    }

    private let state = Mutex(State.running)

    func happened(status: Int32) {
        let waiting: CheckedContinuation<Int32, Never>? = self.state.withLock { state in
            defer { state = .ended(status) }
            guard case .awaited(let continuation) = state else { return nil }
            return continuation
        }
        waiting?.resume(returning: status)
    }

    func wait() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = self.state.withLock { state in
                if case .ended(let status) = state { return status }
                precondition({ if case .running = state { true } else { false } }(), "one task waits at a time")
                state = .awaited(continuation)
                return nil
            }
            if let status { continuation.resume(returning: status) }
        }
    }
}
