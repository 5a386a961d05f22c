import Glibc
import Synchronization

/// Lines on standard output, or another descriptor: for whoever collects what programs print.
///
/// A reader that does not read loses lines; nobody waits for it.
package final class StandardOutputAudit: AuditSink {
    /// What a pipe that is ready takes without blocking.
    private static let chunkBytes = 4_096

    private let descriptor: CInt
    /// Whether the last line was cut short.
    private let isCut = Mutex(false)

    package init(descriptor: CInt = STDOUT_FILENO) {
        self.descriptor = descriptor
    }

    package func append(_ line: [UInt8]) -> Int32? {
        self.isCut.withLock { isCut in
            var rest = ((isCut ? [0x0A] : []) + line)[...]
            let total = rest.count
            while !rest.isEmpty {
                guard self.isReady else {
                    guard rest.count < total else { return EAGAIN }
                    isCut = true
                    return EAGAIN
                }
                let count = unsafe rest.prefix(Self.chunkBytes).withUnsafeBytes {
                    unsafe Glibc.write(self.descriptor, $0.baseAddress, $0.count)
                }
                if count < 0 {
                    let code = errno
                    if code == EINTR { continue }
                    if rest.count < total { isCut = true }
                    return code
                }
                rest = rest.dropFirst(count)
            }
            isCut = false
            return nil
        }
    }

    /// Whether a chunk can be written now.
    private var isReady: Bool {
        var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe Glibc.poll(&poll, 1, 0) == 1
    }
}
