import Glibc

/// Why a Unix socket was not made.
package enum UnixSocketError: Error, Hashable {
    /// The path does not fit a socket address, or is not absolute.
    case invalidPath(String)
    /// A directory cannot be made.
    case directoryNotMade(String, errno: Int32)
    /// The parent of the socket is no directory.
    case notADirectory(String)
    /// Another user owns the directory, and could put a socket of theirs in place of ours.
    case directoryOwnedByAnother(String, uid: UInt32)
    /// Others may write to the directory.
    case directoryWritableByOthers(String, mode: UInt32)
    /// Something that is no socket is in the way.
    case notASocket(String)
    /// Another process listens there.
    case inUse(String)
    case systemCall(String, path: String, errno: Int32)
}

extension UnixSocketError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidPath(let path):
            "'\(path)' cannot be the path of a socket: it begins with / and has at most "
                + "\(UnixSocketFile.maxPathBytes) bytes"
        case .directoryNotMade(let directory, let code):
            "cannot make the directory '\(directory)' for a socket: \(Self.reason(code)); make it, or choose another path"
        case .notADirectory(let path): "'\(path)' is not a directory, and cannot hold a socket: choose another path"
        case .directoryOwnedByAnother(let directory, let user):
            "the directory '\(directory)' of the socket belongs to user \(user), who could put another socket in its "
                + "place: run this as that user, or choose a directory of its own"
        case .directoryWritableByOthers(let directory, let mode):
            "the directory '\(directory)' of the socket is writable by others (mode \(String(mode, radix: 8))), who could "
                + "put another socket in its place: chmod go-w '\(directory)', or choose a directory of its own"
        case .notASocket(let path):
            "'\(path)' is in the way of the socket, and is none: remove it, or choose another path"
        case .inUse(let path):
            "cannot listen at '\(path)': it is in use by another process: stop that, or choose another path"
        case .systemCall(let call, let path, let code):
            "cannot listen at '\(path)': \(call) failed: \(Self.reason(code))"
        }
    }

    /// glibc returns a constant for codes it knows.
    private static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
