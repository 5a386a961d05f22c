package import ChildPrograms
import Foundation
import Glibc

/// Where the standard error of a program goes whose standard output is read.
package enum ErrorStream {
    case sameAsOutput
    case file(String)
}

/// Starts a program, and returns with it the lines that it prints until it ends.
///
/// Lines that nobody reads are kept, so that no amount of output can block the program.
package func startPrinting(
    _ program: String, _ arguments: [String], environment: [String: String]? = nil, error: ErrorStream
) throws -> (program: ChildProgram, lines: AsyncStream<String>) {
    var ends: [CInt] = [-1, -1]
    // No program gets what it is not given, so these need not close themselves.
    guard unsafe pipe(&ends) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    let (reading, writing) = (ends[0], ends[1])
    let stream: ChildProgram.OutputStream =
        switch error {
        case .sameAsOutput: .descriptor(writing)
        case .file(let path): .file(path)
        }
    let child: ChildProgram
    do {
        defer { close(writing) }
        child = try ChildProgram(
            program, arguments, environment: environment, output: .descriptor(writing), error: stream)
    } catch {
        close(reading)
        throw error
    }
    let (lines, continuation) = AsyncStream<String>.makeStream()
    Thread.detachNewThread {
        defer { close(reading) }
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(reading, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            pending += buffer.prefix(count)
            while let end = pending.firstIndex(of: 10) {
                continuation.yield(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeFirst(end + 1)
            }
        }
        continuation.finish()
    }
    return (child, lines)
}
