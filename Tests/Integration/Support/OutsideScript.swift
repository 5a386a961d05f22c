import Foundation
import TestSupport

/// A Python script of `Tests/Interop/grpcio`, which needs what `make python` installs.
enum OutsideScript {
    private static func path(_ name: String) throws -> String {
        guard FileManager.default.isExecutableFile(atPath: Programs.python) else {
            throw Deployment.Failure(description: "no Python at \(Programs.python): run `make python`")
        }
        return "\(Programs.root)/Tests/Interop/grpcio/\(name)"
    }

    /// Runs a script to its end.
    static func run(_ name: String, _ arguments: [String]) async throws -> ProcessOutput {
        try await runProcess(Programs.python, [Self.path(name)] + arguments)
    }

    /// Starts a script; it is killed when the value goes away.
    static func start(_ name: String, _ arguments: [String], logPath: String) throws -> RunningProgram {
        try RunningProgram(Programs.python, [Self.path(name)] + arguments, logPath: logPath)
    }
}
