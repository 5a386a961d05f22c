import Foundation
import Synchronization

/// What a finished process left: its status and what it wrote.
package struct ProcessOutput: Sendable, Equatable {
    /// The exit status, or the number of the signal that ended it.
    package let status: Int32
    package let output: [UInt8]
    package let error: [UInt8]

    package var outputText: String { String(decoding: self.output, as: UTF8.self) }
    package var errorText: String { String(decoding: self.error, as: UTF8.self) }
}

/// Runs a program to its end and returns what it wrote.
///
/// The streams go through files, so no amount of output can block the program.
/// `program` is a path, or a name to look up in `PATH`; `environment` replaces the environment when given.
package func runProcess(
    _ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String]? = nil
) async throws -> ProcessOutput {
    try await withTemporaryDirectory { directory in
        let input = try directory.write(input, to: "input")
        let output = try directory.write([], to: "output")
        let error = try directory.write([], to: "error")

        let process = Process()
        process.executableURL = URL(fileURLWithPath: program.contains("/") ? program : "/usr/bin/env")
        process.arguments = program.contains("/") ? arguments : [program] + arguments
        if let environment { process.environment = environment }
        let handles = try (
            FileHandle(forReadingFrom: URL(fileURLWithPath: input)),
            FileHandle(forWritingTo: URL(fileURLWithPath: output)),
            FileHandle(forWritingTo: URL(fileURLWithPath: error))
        )
        (process.standardInput, process.standardOutput, process.standardError) = handles
        let status = try await withCheckedThrowingContinuation { (end: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { end.resume(returning: $0.terminationStatus) }
            do { try process.start() } catch { end.resume(throwing: error) }
        }
        // Foundation keeps them open.
        try handles.0.close()
        try handles.1.close()
        try handles.2.close()
        return try ProcessOutput(
            status: status, output: directory.read("output"), error: directory.read("error"))
    }
}

extension Process {
    private static let launching = Mutex(())

    /// Starts the process, one at a time.
    ///
    /// Foundation notices the end of a process by a socket that its child inherits. Two that start at once could inherit
    /// each other's, and the end of the one would be noticed only at the end of the other.
    package func start() throws {
        try Self.launching.withLock { _ in try self.run() }
    }
}
