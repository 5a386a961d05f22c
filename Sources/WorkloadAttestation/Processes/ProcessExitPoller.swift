import CLinux
import Glibc
import Synchronization

/// What the thread of ``ProcessExits`` and those who wait share: an epoll descriptor, and who waits for which process.
final class ProcessExitPoller: Sendable {
    typealias Continuation = CheckedContinuation<Void, any Error>

    private struct Waiter {
        /// Kept until it is no longer polled, so that its descriptor is not closed and used again meanwhile.
        let process: WorkloadProcess
        let continuation: Continuation
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 1
        var isStopped = false
    }

    /// The mark of the descriptor that stops the thread.
    private static let stopID: UInt64 = 0
    private static let eventsAtOnce = 64

    private let epoll: CInt
    private let stopping: CInt
    private let state = Mutex(State())

    init() throws(ProcessExitsError) {
        self.epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard self.epoll >= 0 else { throw ProcessExitsError(operation: "epoll_create1", code: errno) }
        self.stopping = eventfd(0, CInt(EFD_CLOEXEC))
        guard self.stopping >= 0 else {
            let code = errno
            close(self.epoll)
            throw ProcessExitsError(operation: "eventfd", code: code)
        }
        let code = Self.poll(self.stopping, id: Self.stopID, on: self.epoll)
        guard code == 0 else { throw ProcessExitsError(operation: "epoll_ctl", code: code) }
    }

    deinit {
        if self.stopping >= 0 { close(self.stopping) }
        if self.epoll >= 0 { close(self.epoll) }
    }

    func startThread() throws(ProcessExitsError) {
        var thread = pthread_t()
        let retained = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<ProcessExitPoller>.fromOpaque(argument).takeRetainedValue().pollUntilStopped()
                return nil
            }, retained.toOpaque())
        guard code == 0 else {
            unsafe retained.release()
            throw ProcessExitsError(operation: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }

    func stop() {
        eventfd_write(self.stopping, 1)
    }

    func makeID() -> UInt64 {
        self.state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
    }

    func add(_ process: WorkloadProcess, id: UInt64, _ continuation: Continuation) {
        let refusal: (any Error)? = self.state.withLock { state in
            if state.cancelled.remove(id) != nil { return CancellationError() }
            if state.isStopped { return ProcessExitsError(operation: "wait", code: ECANCELED) }
            // Under the lock, so that the exit cannot be reported before the waiter is there.
            let code = Self.poll(process.pidfd, id: id, on: self.epoll)
            guard code == 0 else { return ProcessExitsError(operation: "epoll_ctl", code: code) }
            state.waiters[id] = Waiter(process: process, continuation: continuation)
            return nil
        }
        if let refusal { continuation.resume(throwing: refusal) }
    }

    func cancel(_ id: UInt64) {
        let waiter: Waiter? = self.state.withLock { state in
            guard let waiter = self.remove(id, from: &state) else {
                state.cancelled.insert(id)
                return nil
            }
            return waiter
        }
        waiter?.continuation.resume(throwing: CancellationError())
    }

    /// Drops the mark of a cancellation that came after the end of its wait.
    func forget(_ id: UInt64) {
        self.state.withLock { state in _ = state.cancelled.remove(id) }
    }

    private func pollUntilStopped() {
        var events = unsafe [epoll_event](repeating: epoll_event(), count: Self.eventsAtOnce)
        while true {
            let count = unsafe epoll_wait(self.epoll, &events, CInt(Self.eventsAtOnce), -1)
            guard count >= 0 else {
                if errno == EINTR { continue }
                return self.end()
            }
            for index in 0..<Int(count) {
                let id = unsafe events[index].data.u64
                if id == Self.stopID { return self.end() }
                let waiter = self.state.withLock { self.remove(id, from: &$0) }
                waiter?.continuation.resume()
            }
        }
    }

    private func end() {
        let waiters = self.state.withLock { state in
            state.isStopped = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.continuation)
        }
        for waiter in waiters { waiter.resume(throwing: ProcessExitsError(operation: "wait", code: ECANCELED)) }
    }

    private func remove(_ id: UInt64, from state: inout State) -> Waiter? {
        guard let waiter = state.waiters.removeValue(forKey: id) else { return nil }
        _ = epoll_ctl(self.epoll, EPOLL_CTL_DEL, waiter.process.pidfd, nil)
        return waiter
    }

    /// Returns 0, or the error number.
    private static func poll(_ descriptor: CInt, id: UInt64, on epoll: CInt) -> CInt {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data.u64 = id
        return unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno
    }
}
