import CLinux
import Glibc

/// A calling process, held by a descriptor that stays its own when its number is used again.
///
/// The calls of a connection share one: a descriptor for each would let a caller use up those of this process. It is
/// closed with the last reference.
package final class PeerProcess: Sendable {
    package let pid: Int32
    /// The uid and gid are those of the moment at which it connected.
    package let uid: UInt32
    package let gid: UInt32
    /// The pidfd, open as long as this object is.
    package let descriptor: CInt

    /// - Parameter descriptor: A pidfd, owned from now on.
    init(peer: UnixPeer, descriptor: CInt) {
        self.pid = peer.pid
        self.uid = peer.uid
        self.gid = peer.gid
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    /// Whether the process runs; false as soon as it has exited, whether or not its parent knows.
    var isAlive: Bool {
        var event = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        // A pidfd becomes readable when its process exits.
        return unsafe poll(&event, 1, 0) == 0
    }
}

/// The process at the other end of a socket as it was when the connection was accepted: what stands in for SO_PEERPIDFD on
/// kernels without it (before Linux 6.5).
package final class AcceptedProcess: Sendable {
    private let descriptor: CInt
    private let pid: Int32
    private let startTime: String

    /// Opens the process; nil where it is gone already.
    package init?(pid: Int32) {
        let descriptor = clinux_pidfd_open(pid)
        guard descriptor >= 0 else { return nil }
        guard let startTime = ProcessFiles.startTime(of: pid) else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        self.pid = pid
        self.startTime = startTime
    }

    deinit { close(self.descriptor) }

    /// Another descriptor of the process; nil when it has ended since.
    package func duplicate() -> CInt? {
        guard clinux_pidfd_send_signal(self.descriptor, 0) != ESRCH,
            ProcessFiles.startTime(of: self.pid) == self.startTime
        else { return nil }
        let copy = fcntl(self.descriptor, F_DUPFD_CLOEXEC, 0)
        return copy >= 0 ? copy : nil
    }
}

/// What /proc says of processes.
enum ProcessFiles {
    /// When a process started, in clock ticks since boot, as text to compare.
    static func startTime(of pid: Int32) -> String? {
        guard let stat = SmallFile.read("/proc/\(pid)/stat") else { return nil }
        // The second field is the command in parentheses and may itself contain both parentheses and spaces.
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[end...].dropFirst(2).split(separator: " ")
        // Field 22 of proc_pid_stat(5); `fields` begins with field 3.
        return fields.count > 19 ? String(fields[19]) : nil
    }

    /// The process that a pidfd of ours refers to; -1 when it has been reaped, nil where the descriptor is none.
    static func pid(ofDescriptor descriptor: CInt) -> Int32? {
        guard let lines = SmallFile.read("/proc/self/fdinfo/\(descriptor)")?.split(separator: "\n") else { return nil }
        for line in lines where line.hasPrefix("Pid:") {
            return Int32(line.dropFirst("Pid:".count).drop { $0 == " " || $0 == "\t" })
        }
        return nil
    }
}

/// A file of /proc, which has no size and is read at once.
private enum SmallFile {
    static let maxBytes = 4_096

    static func read(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.maxBytes)
        let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
