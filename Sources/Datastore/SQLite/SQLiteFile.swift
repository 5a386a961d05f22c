import FoundationEssentials
import Glibc

/// The store's file before SQLite sees it.
enum SQLiteFile {
    /// Makes the file with mode 0600 whatever the umask is, or checks that nobody else can read or write the one there is.
    static func prepare(_ path: String) throws(DatastoreError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: Self.errorText(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .cannotOpen(path: path, reason: Self.errorText(errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .cannotOpen(path: path, reason: "not a regular file") }
        let mode = status.st_mode & 0o777
        guard mode & 0o077 == 0 else { throw .looseFileMode(path: path, mode: mode) }
    }

    private static func errorText(_ code: Int32) -> String {
        unsafe String(cString: strerror(code))
    }
}
