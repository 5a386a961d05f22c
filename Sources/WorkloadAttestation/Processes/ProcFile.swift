import Glibc

/// A file of `/proc`, which has other contents at every reading.
final class ProcFile: Sendable {
    /// The longest contents that are read; the status of a process with the most groups Linux allows takes less.
    static let maxBytes = 1 << 20

    private let path: String
    private let descriptor: CInt

    init(_ path: String) throws(ProcError) {
        self.path = path
        self.descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard self.descriptor >= 0 else { throw ProcError(path: path, code: errno) }
    }

    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    /// The contents of now, from the beginning.
    func read() throws(ProcError) -> ArraySlice<UInt8> {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        var count = 0
        while true {
            let read = unsafe bytes.withUnsafeMutableBytes { buffer in
                let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                return unsafe pread(self.descriptor, free.baseAddress, free.count, off_t(count))
            }
            guard read >= 0 else {
                if errno == EINTR { continue }
                throw ProcError(path: self.path, code: errno)
            }
            if read == 0 { return bytes[..<count] }
            count += read
            if count == bytes.count {
                guard count < Self.maxBytes else { throw ProcError(path: self.path, code: EFBIG) }
                bytes.append(contentsOf: repeatElement(0, count: count))
            }
        }
    }

    /// Where a symbolic link leads, as text.
    static func link(_ path: String) throws(ProcError) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        guard count >= 0 else { throw ProcError(path: path, code: errno) }
        guard count < bytes.count else { throw ProcError(path: path, code: ENAMETOOLONG) }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw ProcError(path: path, code: EILSEQ)
        }
        return text
    }
}

/// What could not be read about a process.
package struct ProcError: Error, Hashable, CustomStringConvertible {
    package let path: String
    /// The error number of the system call.
    package let code: Int32

    package init(path: String, code: Int32) {
        self.path = path
        self.code = code
    }

    package var description: String {
        // glibc returns a constant for codes it knows.
        "cannot read \(self.path): \(unsafe String(cString: strerror(self.code)))"
    }
}
