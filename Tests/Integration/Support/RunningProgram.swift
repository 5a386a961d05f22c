import Foundation
import Synchronization
import TestSupport

/// A program that runs beside the test: its standard output comes line by line, its log goes to a file.
final class RunningProgram: Sendable {
    struct Ended: Error, CustomStringConvertible {
        let description: String
    }

    let logPath: String
    private let process: Process
    private let lines: AsyncStream<String>
    private let ending: AsyncStream<Int32>

    /// Starts the program.
    ///
    /// It is killed when this value goes away.
    init(_ path: String, _ arguments: [String], environment: [String: String] = [:], logPath: String) throws {
        self.logPath = logPath
        try Data().write(to: URL(filePath: logPath))
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        let log = try FileHandle(forWritingTo: URL(filePath: logPath))
        process.standardError = log
        let (lines, lineContinuation) = AsyncStream<String>.makeStream()
        let (ending, endContinuation) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            endContinuation.yield($0.terminationStatus)
            endContinuation.finish()
        }
        self.process = process
        self.lines = lines
        self.ending = ending
        try process.start()
        // Foundation keeps it open.
        try log.close()
        let reader = output.fileHandleForReading
        Thread.detachNewThread {
            var pending = Data()
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                // FileHandle's own reading traps when a signal interrupts it.
                let count = unsafe buffer.withUnsafeMutableBytes {
                    unsafe read(reader.fileDescriptor, $0.baseAddress, $0.count)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                pending.append(contentsOf: buffer.prefix(count))
                while let end = pending.firstIndex(of: 10) {
                    lineContinuation.yield(String(decoding: pending[..<end], as: UTF8.self))
                    pending = Data(pending[(end + 1)...])
                }
            }
            lineContinuation.finish()
        }
    }

    deinit {
        if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
    }

    var pid: Int32 { self.process.processIdentifier }
    var isRunning: Bool { self.process.isRunning }
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
        kill(self.process.processIdentifier, signal)
        return await self.waitForEnd()
    }

    func waitForEnd() async -> Int32 {
        for await status in self.ending { return status }
        return self.process.terminationStatus
    }
}
