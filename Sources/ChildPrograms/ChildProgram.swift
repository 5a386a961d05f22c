import Foundation
import Glibc

/// A program that this process started, and that is waited for from its start.
///
/// It gets the three standard streams and no other descriptor, no blocked or ignored signal, and a process group of
/// its own, so that a terminal's interrupt reaches only who started it.
package final class ChildProgram: Sendable {
    package let pid: Int32
    private let ending: Ending

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: A path, or a name to look up in this process's `PATH`.
    ///   - arguments: What follows the program's name.
    ///   - environment: Its whole environment; nil for that of this process.
    ///   - input: Its standard input.
    ///   - output: Its standard output.
    ///   - error: Its standard error.
    /// - Throws: ``ChildProgramError`` when there is no such program, or a stream cannot be opened.
    package init(
        _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil,
        input: InputStream = .nothing, output: OutputStream, error: OutputStream
    ) throws(ChildProgramError) {
        let environment = environment ?? ProcessInfo.processInfo.environment
        let pid: Int32
        do throws(SpawnRequest.Failure) {
            let request = try SpawnRequest()
            try request.setInput(input)
            try request.setOutput(output, as: STDOUT_FILENO)
            try request.setOutput(error, as: STDERR_FILENO)
            try request.isolate()
            pid = try request.start(
                program, [program] + arguments, environment: environment.map { "\($0.key)=\($0.value)" })
        } catch {
            throw ChildProgramError(program: program, code: error.code)
        }
        let ending = Ending(pid: pid)
        self.pid = pid
        self.ending = ending
        Thread.detachNewThread { ending.await() }
    }

    /// Whether it has not ended, as far as is known.
    package var isRunning: Bool { self.ending.status == nil }

    /// Sends a signal, unless the program has ended: its number may be another's by then.
    package func signal(_ number: Int32) {
        self.ending.signal(number)
    }

    /// Waits for the end.
    ///
    /// - Returns: The exit code, or the number of the signal that ended it.
    @discardableResult
    package func waitForEnd() async -> Int32 {
        await withCheckedContinuation { continuation in
            self.ending.whenEnded { continuation.resume(returning: $0) }
        }
    }

    /// Blocks the thread until the end; for where nothing can be awaited.
    ///
    /// - Returns: As ``waitForEnd()`` does.
    @discardableResult
    package func blockUntilEnd() -> Int32 {
        let ended = DispatchSemaphore(value: 0)
        self.ending.whenEnded { _ in ended.signal() }
        ended.wait()
        return self.ending.status ?? 0
    }
}

extension ChildProgram {
    /// What a program reads as its standard input.
    package enum InputStream: Sendable {
        case nothing
        case file(String)
        /// A descriptor of this process, which keeps it.
        case descriptor(CInt)
    }

    /// Where a program writes what it prints.
    package enum OutputStream: Sendable {
        case nothing
        /// To where this process writes it.
        case inherited
        /// A file that is made, or made empty.
        case file(String)
        /// A descriptor of this process, which keeps it.
        case descriptor(CInt)
    }
}

/// A program could not be started.
package struct ChildProgramError: Error, Hashable, CustomStringConvertible {
    package let program: String
    /// The error number of the system.
    package let code: Int32

    package init(program: String, code: Int32) {
        self.program = program
        self.code = code
    }

    package var description: String {
        "start \(self.program): \(unsafe String(cString: strerror(self.code)))"
    }
}
