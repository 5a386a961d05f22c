import Glibc

/// A file that a user names, or standard input where the name is `-`.
enum InputFile {
    /// Reads the whole, and no more than one byte above the limit.
    ///
    /// - Throws: ``InputFileError`` with a reason to print.
    static func read(_ path: String, maxBytes: Int) throws(InputFileError) -> [UInt8] {
        guard path != "-" else { return try Self.read(STDIN_FILENO, maxBytes: maxBytes) }
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw InputFileError(code: errno) }
        defer { close(file) }
        return try Self.read(file, maxBytes: maxBytes)
    }

    private static func read(_ file: Int32, maxBytes: Int) throws(InputFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= maxBytes {
            let wanted = min(chunk.count, maxBytes + 1 - bytes.count)
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, wanted) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw InputFileError(code: errno) }
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
        }
        throw InputFileError(reason: "it has more than \(maxBytes) bytes")
    }
}

/// Why a file that a user named was not read.
struct InputFileError: Error, Hashable {
    let reason: String

    init(reason: String) {
        self.reason = reason
    }

    /// - Parameter code: The error number of the system.
    init(code: Int32) {
        self.reason =
            switch code {
            case ENOENT: "no such file"
            case EACCES: "permission denied"
            // glibc returns a constant for codes it knows.
            default: unsafe String(cString: strerror(code)).lowercased()
            }
    }
}
