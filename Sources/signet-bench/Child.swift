import ChildPrograms
import Foundation

/// Where the programs are.
struct Programs: Sendable {
    let signet: String
    let client: String
    /// What measures the libraries.
    let libraries: String
}

/// A program ended otherwise than it should have.
struct ChildFailure: Error, CustomStringConvertible {
    let description: String
}

/// A program that was started and is waited for.
final class Child: Sendable {
    private let program: ChildProgram

    /// Starts a program whose output and error go to files.
    ///
    /// `program` is a path, or a name to look up in `PATH`.
    init(_ program: String, _ arguments: [String], output: String, error: String) throws {
        // Numbers are read from what tools print.
        self.program = try ChildProgram(
            program, arguments, environment: ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 },
            output: .file(output), error: .file(error))
    }

    var pid: Int32 { self.program.pid }
    var isRunning: Bool { self.program.isRunning }

    /// Waits for the end; asks for it when the task is cancelled.
    func waitForEnd() async -> Int32 {
        await withTaskCancellationHandler {
            await self.program.waitForEnd()
        } onCancel: {
            self.program.signal(SIGTERM)
        }
    }

    /// Asks the program to end and waits for that.
    func stop() async -> Int32 {
        self.program.signal(SIGTERM)
        return await self.program.waitForEnd()
    }
}
