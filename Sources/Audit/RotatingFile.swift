import Glibc
package import KeyManagement
import Synchronization

/// Lines in a file with mode 0600 that is put aside when it is full; of the files put aside the oldest go.
///
/// The files are `path`, `path.1`, `path.2` and so on, the newest first. Lines reach the kernel before ``append(_:)``
/// returns, and survive the end of the process; they are not flushed to the disk one by one.
package final class RotatingFile: Sendable {
    /// What came of a line.
    package enum Outcome: Hashable, Sendable {
        case written
        /// The disk is full, or broken: nothing of the line is in the file.
        case failed(code: Int32)
    }

    package let path: String
    package let maxBytes: Int
    package let maxFiles: Int
    private let state: Mutex<State>

    /// Opens the file, or makes it.
    ///
    /// - Parameters:
    ///   - path: The file; its directory must exist and belong to this user or root.
    ///   - maxBytes: The size from which the file is put aside.
    ///   - maxFiles: How many files there are at most, at least 1.
    /// - Throws: ``PrivateFileError``; also when the file may be read by others.
    package init(path: String, maxBytes: Int, maxFiles: Int) throws(PrivateFileError) {
        try PrivateFile.prepare(path)
        self.path = path
        self.maxBytes = maxBytes
        self.maxFiles = max(1, maxFiles)
        var state = State()
        do throws(State.Failure) {
            try state.open(path)
        } catch {
            throw .system(operation: "open", path: path, code: error.code)
        }
        self.state = Mutex(state)
    }

    deinit {
        self.state.withLock { $0.close() }
    }

    /// Appends a line, which has its line break.
    package func append(_ line: [UInt8]) -> Outcome {
        self.state.withLock { state in
            do throws(State.Failure) {
                if state.size > 0, state.size + line.count > self.maxBytes {
                    try state.rotate(self.path, maxFiles: self.maxFiles)
                }
                try state.append(line, self.path)
                return .written
            } catch {
                return .failed(code: error.code)
            }
        }
    }

    /// The names of the files, the newest first, whether they are there or not.
    package static func paths(_ path: String, maxFiles: Int) -> [String] {
        [path] + (1..<max(2, maxFiles)).map { "\(path).\($0)" }.prefix(max(1, maxFiles) - 1)
    }

    /// The open file, only used under the lock: the lines of several tasks follow each other.
    private struct State {
        struct Failure: Error {
            let code: Int32
        }

        private var descriptor: CInt = -1
        private(set) var size = 0

        mutating func open(_ path: String) throws(Failure) {
            let descriptor = unsafe Glibc.open(
                path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
            guard descriptor >= 0 else { throw Failure(code: errno) }
            self.descriptor = descriptor
            let end = lseek(descriptor, 0, SEEK_END)
            guard end >= 0 else { throw Failure(code: errno) }
            self.size = Int(end)
            var last: UInt8 = 0x0A
            // What a crash cut short is a line of its own.
            if end > 0, unsafe pread(descriptor, &last, 1, end - 1) == 1, last != 0x0A { try self.append([0x0A], path) }
        }

        mutating func close() {
            if self.descriptor >= 0 { _ = Glibc.close(self.descriptor) }
            self.descriptor = -1
        }

        mutating func append(_ line: [UInt8], _ path: String) throws(Failure) {
            if self.descriptor < 0 { try self.open(path) }
            var rest = line[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes {
                    unsafe Glibc.write(self.descriptor, $0.baseAddress, $0.count)
                }
                if count < 0 {
                    let code = errno
                    if code == EINTR { continue }
                    // No half lines: what was written of this one is taken back.
                    _ = ftruncate(self.descriptor, off_t(self.size))
                    throw Failure(code: code)
                }
                rest = rest.dropFirst(count)
            }
            self.size += line.count
        }

        mutating func rotate(_ path: String, maxFiles: Int) throws(Failure) {
            let paths = RotatingFile.paths(path, maxFiles: maxFiles)
            if paths.count == 1 {
                guard ftruncate(self.descriptor, 0) == 0 else { throw Failure(code: errno) }
                self.size = 0
                return
            }
            for index in paths.indices.dropFirst().reversed() {
                guard unsafe rename(paths[index - 1], paths[index]) == 0 || errno == ENOENT else {
                    throw Failure(code: errno)
                }
            }
            self.close()
            self.size = 0
            try self.open(path)
        }
    }
}
