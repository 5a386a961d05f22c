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
    /// - Throws: ``PrivateFileError``; the old file is then still there, unless it is `.notFlushed`.
    package static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600
    ) throws(PrivateFileError) {
        // Open before the file is replaced: nothing but flushing it can fail afterwards.
        let directory = try self.openDirectory(of: path)
        let temporary = path + "." + String(UInt64.random(in: 0...UInt64.max), radix: 36) + self.temporarySuffix
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
        do { try directory.synchronize() } catch { throw .notFlushed(path: path, error) }
    }

    /// Removes what ``write(_:to:mode:)`` leaves beside a file when it is interrupted by the end of the process.
    ///
    /// For the only one who writes the file: a write that is under way elsewhere would fail.
    package static func removeLeftovers(of path: String) throws(PrivateFileError) {
        let directory = self.directory(of: path)
        let prefix = (path.split(separator: "/").last.map(String.init) ?? "") + "."
        for name in try self.names(in: directory) {
            guard name.hasPrefix(prefix), name.hasSuffix(self.temporarySuffix) else { continue }
            let random = name.dropFirst(prefix.count).dropLast(self.temporarySuffix.count)
            guard let number = UInt64(random, radix: 36), String(number, radix: 36) == random else { continue }
            let leftover = directory + "/" + name
            guard unsafe unlink(leftover) == 0 || errno == ENOENT else {
                throw .system(operation: "remove", path: leftover, code: errno)
            }
        }
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
            file = try self.openChecked(path, flags: O_RDONLY, refusingLooserThan: allowed)
        } catch {
            guard case .system(_, _, ENOENT) = error else { throw error }
            return nil
        }
        _ = try self.openDirectory(of: path)
        return try file.read(maxBytes: maxBytes)
    }

    /// Reads a file that others provide, such as the key of a certificate of the Web: links to it are followed, and where
    /// it lies is their business; its own mode is looked at all the same.
    ///
    /// - Parameter allowed: The permission bits the file may have; with any other it is refused.
    /// - Throws: ``PrivateFileError``.
    package static func readProvided(
        _ path: String, maxBytes: Int, refusingLooserThan allowed: UInt32
    ) throws(PrivateFileError) -> [UInt8] {
        // Non-blocking, so that a named pipe cannot hold up the start.
        let file = try FileDescriptor(path: path, flags: O_RDONLY | O_NONBLOCK, operation: "open")
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegularFile(path: path) }
        let mode = status.st_mode & 0o7777
        guard mode & ~allowed == 0 else { throw .looseMode(path: path, mode: mode, allowed: allowed) }
        return try file.read(maxBytes: maxBytes)
    }

    /// Makes an empty file with mode 0600 whatever the umask is, or checks the one there is as ``read(_:maxBytes:refusingLooserThan:)``
    /// does, for code that opens it by its path.
    ///
    /// - Throws: ``PrivateFileError``; also when the file belongs to another user or its directory can be written by
    ///   others.
    package static func prepare(_ path: String) throws(PrivateFileError) {
        // First, so that nothing is made where others can write.
        _ = try self.openDirectory(of: path)
        _ = try self.openChecked(path, flags: O_RDWR | O_CREAT, refusingLooserThan: 0o600)
    }

    /// Checks a file as ``read(_:maxBytes:refusingLooserThan:)`` does, if there is one.
    package static func check(_ path: String) throws(PrivateFileError) {
        do {
            _ = try self.openChecked(path, flags: O_RDONLY, refusingLooserThan: 0o600)
        } catch {
            guard case .system(_, _, ENOENT) = error else { throw error }
        }
    }

    private static func openChecked(
        _ path: String, flags: CInt, refusingLooserThan allowed: UInt32
    ) throws(PrivateFileError) -> FileDescriptor {
        let file: FileDescriptor
        do {
            // Non-blocking, so that a named pipe cannot hold up the start.
            file = try FileDescriptor(
                path: path, flags: flags | O_NOFOLLOW | O_NONBLOCK, mode: 0o600, operation: "open")
        } catch {
            guard case .system(_, _, ELOOP) = error else { throw error }
            throw .symbolicLink(path: path)
        }
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegularFile(path: path) }
        guard status.st_uid == geteuid() else { throw .otherOwner(path: path, userID: status.st_uid) }
        let mode = status.st_mode & 0o7777
        guard mode & ~allowed == 0 else { throw .looseMode(path: path, mode: mode, allowed: allowed) }
        return file
    }

    /// Refuses the directory of a file as ``write(_:to:mode:)`` would, before there is anything to write.
    package static func checkDirectory(of file: String) throws(PrivateFileError) {
        _ = try self.openDirectory(of: file)
    }

    /// Opens the directory of a file; who can write to it can put another file in the place of this one.
    static func openDirectory(of file: String) throws(PrivateFileError) -> FileDescriptor {
        let path = self.directory(of: file)
        let directory = try FileDescriptor(path: path, flags: O_RDONLY | O_DIRECTORY, operation: "open")
        let status = try directory.status()
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .otherOwner(path: path, userID: status.st_uid)
        }
        let mode = status.st_mode & 0o7777
        // In a directory with the sticky bit others cannot replace our files.
        guard mode & 0o022 == 0 || mode & 0o1000 != 0 else { throw .looseDirectory(path: path, mode: mode) }
        return directory
    }

    private static let temporarySuffix = ".tmp"

    /// The names of everything in a directory; none when there is no such directory.
    private static func names(in directory: String) throws(PrivateFileError) -> [String] {
        guard let stream = unsafe opendir(directory) else {
            guard errno == ENOENT else { throw .system(operation: "list", path: directory, code: errno) }
            return []
        }
        defer { _ = unsafe closedir(stream) }
        guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else {
            throw .system(operation: "list", path: directory, code: ENOTSUP)
        }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // An entry is as long as its name and not as its type: the last ends before what the type would reach.
            let name = unsafe UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
            names.append(unsafe String(cString: name))
        }
        return names
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
