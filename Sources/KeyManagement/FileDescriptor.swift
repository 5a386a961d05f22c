import Glibc

/// An open file that is closed with this value.
struct FileDescriptor: ~Copyable {
    private static let readSize = 65_536

    private let number: CInt
    private let path: String

    init(path: String, flags: CInt, mode: UInt32 = 0, operation: String) throws(PrivateFileError) {
        self.number = unsafe open(path, flags | O_CLOEXEC, mode)
        self.path = path
        guard self.number >= 0 else { throw .system(operation: operation, path: path, code: errno) }
    }

    deinit {
        if self.number >= 0 { _ = close(self.number) }
    }

    func status() throws(PrivateFileError) -> stat {
        var status = stat()
        guard unsafe fstat(self.number, &status) == 0 else { throw self.failure("examine") }
        return status
    }

    func setMode(_ mode: UInt32) throws(PrivateFileError) {
        guard fchmod(self.number, mode) == 0 else { throw self.failure("set the mode of") }
    }

    func synchronize() throws(PrivateFileError) {
        guard fsync(self.number) == 0 else { throw self.failure("flush") }
    }

    /// Takes the lock of the file until it is closed; false when another has it.
    func lock() throws(PrivateFileError) -> Bool {
        if flock(self.number, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw self.failure("lock") }
        return false
    }

    func write(_ bytes: [UInt8]) throws(PrivateFileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(self.number, $0.baseAddress, $0.count) }
            if written < 0 {
                guard errno == EINTR else { throw self.failure("write") }
            } else {
                rest = rest.dropFirst(written)
            }
        }
    }

    func read(maxBytes: Int) throws(PrivateFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: Self.readSize)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(self.number, $0.baseAddress, $0.count)
            }
            if count < 0 {
                guard errno == EINTR else { throw self.failure("read") }
                continue
            }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= maxBytes else { throw .tooLarge(path: self.path, maxBytes: maxBytes) }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }

    private func failure(_ operation: String) -> PrivateFileError {
        .system(operation: operation, path: self.path, code: errno)
    }
}
