import Glibc

/// A process that asks for an identity: who the kernel says it is, and a descriptor that stays its own.
///
/// The pidfd must be the one of `pid`, as `SO_PEERPIDFD` gives it beside `SO_PEERCRED`: while it shows a living
/// process, the number belongs to no other, and `/proc/<pid>` is about this one.
package final class WorkloadProcess: Sendable {
    package let pid: Int32
    /// The effective user when the process connected the socket.
    package let uid: UInt32
    /// The effective group when the process connected the socket.
    package let gid: UInt32
    let pidfd: CInt
    /// What keeps the descriptor open, where it is not ours.
    private let owner: (any AnyObject & Sendable)?

    /// Takes over the descriptor, which is closed with the last reference to this object.
    package init(pid: Int32, uid: UInt32, gid: UInt32, pidfd: CInt) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.pidfd = pidfd
        self.owner = nil
    }

    /// - Parameter owner: Keeps the descriptor open as long as it is referred to.
    package init(pid: Int32, uid: UInt32, gid: UInt32, pidfd: CInt, of owner: any AnyObject & Sendable) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
        self.pidfd = pidfd
        self.owner = owner
    }

    deinit {
        if self.owner == nil { close(self.pidfd) }
    }

    /// Whether the process runs; false as soon as it has exited, whether or not its parent knows.
    package var isAlive: Bool {
        guard self.pid > 0 else { return false }
        var event = pollfd(fd: self.pidfd, events: Int16(POLLIN), revents: 0)
        // A pidfd becomes readable when its process exits.
        return unsafe poll(&event, 1, 0) == 0
    }
}
