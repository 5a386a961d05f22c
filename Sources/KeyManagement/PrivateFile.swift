import Glibc

/// Files with secrets in them: only their owner reads them, and they are replaced whole or not at all.
package enum PrivateFile {
    /// Replaces or creates a file.
    ///
    /// The content goes to a new file beside it that takes its place once it is on disk, so that after a crash there
    /// is the old file or the new one. When this returns, the new one is on disk.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - path: The file; its directory must exist and belong to this user or root.
    ///   - mode: The permission bits of the file, whatever the umask.
    /// - Throws: ``PrivateFileError``; the old file is then still there, unless only the directory could not be
    ///   flushed.
    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600
    ) throws(PrivateFileError) {
        let directory = self.directory(of: path)
        try self.checkDirectory(directory)
        let temporary = path + "." + String(UInt64.random(in: 0...UInt64.max), radix: 36) + ".tmp"
        do throws(PrivateFileError) {
            let file = try FileDescriptor(
                path: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, operation: "create")
            try file.setMode(mode)
            try file.write(bytes)
            try file.synchronize()
            guard unsafe rename(temporary, path) == 0 else {
                throw .system(operation: "replace", path: path, code: errno)
            }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
        try FileDescriptor(path: directory, flags: O_RDONLY | O_DIRECTORY, operation: "open").synchronize()
    }

    /// Reads a file whole; nil when there is none.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - maxBytes: The longest file to read.
    ///   - allowed: The permission bits the file may have; with any other it is refused.
    /// - Returns: The content.
    /// - Throws: ``PrivateFileError``; also when the file belongs to another user or its directory can be written by
    ///   others.
    package static func read(
        _ path: String, maxBytes: Int, refusingLooserThan allowed: UInt32 = 0o600
    ) throws(PrivateFileError) -> [UInt8]? {
        let file: FileDescriptor
        do {
            // Non-blocking, so that a named pipe cannot hold up the start.
            file = try FileDescriptor(path: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK, operation: "open")
        } catch {
            switch error {
            case .system(_, _, ENOENT): return nil
            case .system(_, _, ELOOP): throw .symbolicLink(path: path)
            default: throw error
            }
        }
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegularFile(path: path) }
        guard status.st_uid == geteuid() else { throw .otherOwner(path: path, userID: status.st_uid) }
        let mode = status.st_mode & 0o7777
        guard mode & ~allowed == 0 else { throw .looseMode(path: path, mode: mode, allowed: allowed) }
        try self.checkDirectory(self.directory(of: path))
        return try file.read(maxBytes: maxBytes)
    }

    /// Who can write to the directory can put another file in the place of this one.
    private static func checkDirectory(_ path: String) throws(PrivateFileError) {
        let status = try FileDescriptor(path: path, flags: O_RDONLY | O_DIRECTORY, operation: "open").status()
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .otherOwner(path: path, userID: status.st_uid)
        }
        let mode = status.st_mode & 0o7777
        // In a directory with the sticky bit others cannot replace our files.
        guard mode & 0o022 == 0 || mode & 0o1000 != 0 else { throw .looseDirectory(path: path, mode: mode) }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
