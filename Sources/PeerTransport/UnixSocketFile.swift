import Glibc
import NIOCore
import NIOPosix

/// The file of a Unix socket that a server listens at.
struct UnixSocketFile: Sendable {
    /// The longest path that a socket address holds, less one byte for the name under which the socket is prepared.
    static let maxPathBytes = 106

    let path: String
    private let device: UInt
    private let inode: UInt

    /// Makes what directories are missing and refuses those that others control.
    static func prepareDirectory(of path: String, mode: UInt32) throws(UnixSocketError) {
        guard RPCListener.isSocketPath(path), let slash = path.lastIndex(of: "/") else { throw .invalidPath(path) }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        try Self.makeDirectories(directory, mode: mode)
        guard let status = FileStatus(following: directory), status.isDirectory else { throw .notADirectory(directory) }
        guard status.owner == geteuid() else { throw .directoryOwnedByAnother(directory, uid: status.owner) }
        guard status.permissions & 0o022 == 0 else {
            throw .directoryWritableByOthers(directory, mode: status.permissions)
        }
    }

    /// Makes the directories that are missing: the last with `mode`, those above it with 0755.
    ///
    /// What is above may hold other sockets too, which other users must reach.
    private static func makeDirectories(_ directory: String, mode last: UInt32) throws(UnixSocketError) {
        var prefix = ""
        let components = directory.split(separator: "/")
        for (index, component) in components.enumerated() {
            prefix += "/" + component
            let mode = index == components.count - 1 ? last : 0o755
            guard unsafe mkdir(prefix, mode) == 0 else {
                guard errno == EEXIST else { throw .directoryNotMade(prefix, errno: errno) }
                continue
            }
            // The umask may have taken permissions that were asked for.
            guard unsafe chmod(prefix, mode) == 0 else { throw .systemCall("chmod", path: prefix, errno: errno) }
        }
    }

    /// Refuses a path where somebody listens, or that is no socket.
    static func checkUnused(_ path: String, on group: any EventLoopGroup) async throws {
        guard let status = FileStatus(at: path) else { return }
        guard status.isSocket else { throw UnixSocketError.notASocket(path) }
        do {
            try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get().close()
        } catch let error as IOError where [ECONNREFUSED, ENOENT].contains(error.errnoCode) {
            return
        } catch let error as IOError {
            // A server whose queue is full, or that we may not speak to, listens too.
            throw UnixSocketError.systemCall("connect", path: path, errno: error.errnoCode)
        }
        throw UnixSocketError.inUse(path)
    }

    /// The name under which a socket is bound until its permissions are set: it appears at its path complete.
    static func temporaryPath(for path: String) -> String { path + "~" }

    /// Gives a bound socket its permissions and its name, in place of a stale one.
    init(publishing path: String, mode: UInt32) throws(UnixSocketError) {
        let temporary = Self.temporaryPath(for: path)
        guard unsafe chmod(temporary, mode) == 0 else { throw .systemCall("chmod", path: temporary, errno: errno) }
        guard let status = FileStatus(at: temporary) else {
            throw .systemCall("lstat", path: temporary, errno: errno)
        }
        guard unsafe rename(temporary, path) == 0 else { throw .systemCall("rename", path: path, errno: errno) }
        self.path = path
        self.device = status.device
        self.inode = status.inode
    }

    /// Removes the file, unless another has taken its place.
    func remove() {
        guard let status = FileStatus(at: self.path), status.device == self.device, status.inode == self.inode else {
            return
        }
        unsafe unlink(self.path)
    }
}

/// What the file system says of a file.
private struct FileStatus {
    let owner: UInt32
    let permissions: UInt32
    let device: UInt
    let inode: UInt
    private let kind: UInt32

    var isDirectory: Bool { self.kind == S_IFDIR }
    var isSocket: Bool { self.kind == S_IFSOCK }

    init?(at path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init?(following path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        self.owner = status.st_uid
        self.permissions = status.st_mode & 0o7777
        self.kind = status.st_mode & S_IFMT
        self.device = UInt(status.st_dev)
        self.inode = UInt(status.st_ino)
    }
}
