package import FoundationEssentials
import Glibc

/// The program that a process runs, held open through the kernel's own link to it.
package final class Program: Sendable {
    /// Where the process sees the program; the kernel adds ` (deleted)` where the file is gone.
    package let path: String
    package let identity: FileIdentity
    let descriptor: CInt

    package init(of process: WorkloadProcess) throws(ProcError) {
        let link = "/proc/\(process.pid)/exe"
        // A program file may be on a file system that blocks opening; what runs is a regular file.
        let descriptor = unsafe open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ProcError(path: link, code: errno) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw ProcError(path: link, code: code)
        }
        do {
            self.path = try ProcFile.link(link)
        } catch {
            close(descriptor)
            throw error
        }
        self.identity = FileIdentity(status)
        self.descriptor = descriptor
    }

    deinit {
        close(self.descriptor)
    }

    /// Whether the path leads to the program in the files that this process sees, too, and not only in a view of them
    /// that anybody can make.
    ///
    /// The kernel's link names the program as the process that mounted it saw it. In a user namespace of one's own any
    /// file can be mounted over `/usr/bin/…`; through `/proc/PID/root` it can be executed from outside of that.
    func isAtItsPath(of process: WorkloadProcess) throws(ProcError) -> Bool {
        guard try ProcFile.link("/proc/\(process.pid)/ns/user") == ProcFile.link("/proc/self/ns/user") else {
            return false
        }
        var status = stat()
        guard unsafe stat("/proc/\(process.pid)/root\(self.path)", &status) == 0 else { return false }
        return UInt64(status.st_dev) == self.identity.device && UInt64(status.st_ino) == self.identity.inode
    }

    func isSame(as other: Program) -> Bool {
        self.path == other.path && self.identity == other.identity
    }
}

/// A file and its content, as far as the file system tells them apart.
package struct FileIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let bytes: Int
    private let changedSeconds: Int
    private let changedNanoseconds: Int

    /// When content or attributes changed last; unlike the modification time it cannot be set.
    package var changed: Date {
        Date(timeIntervalSince1970: Double(self.changedSeconds) + Double(self.changedNanoseconds) / 1_000_000_000)
    }

    init(_ status: stat) {
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.bytes = Int(status.st_size)
        self.changedSeconds = status.st_ctim.tv_sec
        self.changedNanoseconds = status.st_ctim.tv_nsec
    }
}
