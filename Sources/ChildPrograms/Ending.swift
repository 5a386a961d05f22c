import Glibc
import Synchronization

/// The end of a child process, which any number wait for.
final class Ending: Sendable {
    private enum State {
        case running(waiting: [@Sendable (Int32) -> Void])
        case ended(Int32)
    }

    private let pid: Int32
    private let state = Mutex(State.running(waiting: []))

    init(pid: Int32) {
        self.pid = pid
    }

    /// The exit code or the number of the signal that ended the process; nil while it runs.
    var status: Int32? {
        self.state.withLock { state in
            guard case .ended(let status) = state else { return nil }
            return status
        }
    }

    /// Calls `body` with the status once there is one.
    func whenEnded(_ body: @escaping @Sendable (Int32) -> Void) {
        let status: Int32? = self.state.withLock { state in
            switch state {
            case .ended(let status): return status
            case .running(let waiting):
                state = .running(waiting: waiting + [body])
                return nil
            }
        }
        if let status { body(status) }
    }

    /// Sends a signal to the process, unless it was seen to end.
    func signal(_ number: Int32) {
        self.state.withLock { state in
            guard case .running = state else { return }
            _ = kill(self.pid, number)
        }
    }

    /// Blocks until the process has ended, and tells those who wait.
    func await() {
        // It stays a zombie until the lock is held, so that nobody signals another that got its number.
        var information = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(self.pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (status, waiting) = self.state.withLock { state in
            let status = Self.reap(self.pid)
            guard case .running(let waiting) = state else { return (status, [@Sendable (Int32) -> Void]()) }
            state = .ended(status)
            return (status, waiting)
        }
        for body in waiting { body(status) }
    }

    private static func reap(_ pid: Int32) -> Int32 {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : signal
    }
}
