import Foundation
import TestSupport
import Testing

/// The Python of the tests, with grpcio.
enum Python {
    /// `SIGNET_TEST_PYTHON`, else the virtual environment that `make test` makes.
    static var interpreter: String {
        ProcessInfo.processInfo.environment["SIGNET_TEST_PYTHON"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().path + "/.build/python/bin/python"
    }

    /// Runs a script to its end and returns what it printed.
    ///
    /// Fails the test where there is no interpreter.
    static func run(_ script: String, _ arguments: [String]) async throws -> String {
        try #require(
            FileManager.default.isExecutableFile(atPath: self.interpreter),
            "no Python at \(self.interpreter): run `make test`, or set SIGNET_TEST_PYTHON")
        let result = try await runProcess(self.interpreter, ["-c", script] + arguments)
        #expect(result.status == 0, "\(result.errorText)")
        return result.outputText
    }
}
