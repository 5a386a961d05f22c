import Glibc

/// The right to be the only process that uses a file, until this value is gone.
///
/// What is locked is an empty file beside it, since the file itself is replaced. It stays: were it removed, one process
/// could lock the removed file and another a new one.
struct FileLock: ~Copyable {
    private let file: FileDescriptor

    /// Takes the lock without waiting.
    ///
    /// - Throws: `.inUse` when another has it; `.file`.
    init(of path: String) throws(KeyManagerError) {
        let file = try Self.lockFile(of: path)
        let isLocked: Bool
        do { isLocked = try file.lock() } catch { throw .file(error) }
        guard isLocked else { throw .inUse(path: path) }
        self.file = file
    }

    private static func lockFile(of path: String) throws(KeyManagerError) -> FileDescriptor {
        do throws(PrivateFileError) {
            _ = try PrivateFile.openDirectory(of: path)
            return try FileDescriptor(
                path: path + ".lock", flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600,
                operation: "open")
        } catch {
            throw .file(error)
        }
    }
}
