import ChildPrograms
import Foundation
import TestSupport

/// A program that runs beside the test: its standard output comes line by line, its log goes to a file.
final class RunningProgram: Sendable {
    struct Ended: Error, CustomStringConvertible {
        let description: String
    }

    let logPath: String
    private let program: ChildProgram
    private let lines: AsyncStream<String>

    /// Starts the program.
    ///
    /// It is killed when this value goes away.
    init(_ path: String, _ arguments: [String], environment: [String: String] = [:], logPath: String) throws {
        self.logPath = logPath
        (self.program, self.lines) = try startPrinting(
            path, arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { _, new in new },
            error: .file(logPath))
    }

    deinit {
        self.program.signal(SIGKILL)
    }

    var pid: Int32 { self.program.pid }
    var isRunning: Bool { self.program.isRunning }
    var log: String { (try? String(contentsOfFile: self.logPath, encoding: .utf8)) ?? "" }

    /// Waits for the next line of standard output that holds `text`.
    func line(containing text: String = "") async throws -> String {
        for await line in self.lines where text.isEmpty || line.contains(text) { return line }
        throw Ended(description: "ended without printing '\(text)'; its log:\n\(self.log)")
    }

    /// Waits for the end and returns what was written to both streams, without the lines that were waited for.
    func everythingWritten() async -> [UInt8] {
        var written = Array(self.log.utf8)
        for await line in self.lines { written += Array(line.utf8) + [10] }
        return written
    }

    /// Sends a signal and waits for the end.
    ///
    /// - Returns: The exit code, or the number of the signal that ended it.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM) async -> Int32 {
        self.program.signal(signal)
        return await self.waitForEnd()
    }

    func waitForEnd() async -> Int32 {
        await self.program.waitForEnd()
    }
}
