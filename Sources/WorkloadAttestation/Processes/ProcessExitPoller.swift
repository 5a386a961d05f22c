import CLinux
import Glibc
import Synchronization

/// What the thread of ``ProcessExits`` and those who wait share: an epoll descriptor, and who waits for which process.
final class ProcessExitPoller: Sendable {
    typealias Continuation = CheckedContinuation<Void, any Error>

    /// A descriptor that is polled once, however many wait for its process.
    private struct Watch {
        /// Kept until it is no longer polled, so that its descriptor is not closed and used again meanwhile.
        let process: WorkloadProcess
        /// What its event says: an event that was fetched before the watch ended must not end the next one that has the
        /// same descriptor.
        let number: UInt64
        var waiters: [UInt64: Continuation] = [:]
    }

    private struct State {
        var watches: [CInt: Watch] = [:]
        var descriptorOfWatch: [UInt64: CInt] = [:]
        /// What each waits for.
        var descriptors: [UInt64: CInt] = [:]
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
        /// 0 is the event that stops the thread.
        var nextID: UInt64 = 1
        var isStopped = false

        mutating func makeID() -> UInt64 {
            defer { self.nextID += 1 }
            return self.nextID
        }
    }

    private static let stopEvent: UInt64 = 0

    private static let eventsAtOnce = 64

    private let epoll: CInt
    private let stopping: CInt
    private let state = Mutex(State())

    init() throws(ProcessExitsError) {
        self.epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard self.epoll >= 0 else { throw ProcessExitsError(operation: "epoll_create1", code: errno) }
        self.stopping = eventfd(0, CInt(EFD_CLOEXEC))
        guard self.stopping >= 0 else {
            throw ProcessExitsError(operation: "eventfd", code: errno)
        }
        let code = Self.poll(self.stopping, event: Self.stopEvent, on: self.epoll)
        guard code == 0 else { throw ProcessExitsError(operation: "epoll_ctl", code: code) }
    }

    deinit {
        if self.stopping >= 0 { close(self.stopping) }
        if self.epoll >= 0 { close(self.epoll) }
    }

    func startThread() throws(ProcessExitsError) {
        let code = DetachedThread.start { self.pollUntilStopped() }
        guard code == 0 else { throw ProcessExitsError(operation: "pthread_create", code: code) }
    }

    func stop() {
        eventfd_write(self.stopping, 1)
    }

    var waitingCount: Int {
        self.state.withLock { $0.descriptors.count }
    }

    func makeID() -> UInt64 {
        self.state.withLock { $0.makeID() }
    }

    func add(_ process: WorkloadProcess, id: UInt64, _ continuation: Continuation) {
        let refusal: (any Error)? = self.state.withLock { state in
            if state.cancelled.remove(id) != nil { return CancellationError() }
            if state.isStopped { return ProcessExitsError(operation: "wait", code: ECANCELED) }
            if state.watches[process.pidfd] == nil {
                // Under the lock, so that the exit cannot be reported before the waiter is there.
                let number = state.makeID()
                let code = Self.poll(process.pidfd, event: number, on: self.epoll)
                guard code == 0 else { return ProcessExitsError(operation: "epoll_ctl", code: code) }
                state.watches[process.pidfd] = Watch(process: process, number: number)
                state.descriptorOfWatch[number] = process.pidfd
            }
            state.watches[process.pidfd]?.waiters[id] = continuation
            state.descriptors[id] = process.pidfd
            return nil
        }
        if let refusal { continuation.resume(throwing: refusal) }
    }

    func cancel(_ id: UInt64) {
        // The process is returned out of the lock, so that closing its descriptor never runs under it.
        let (continuation, _): (Continuation?, WorkloadProcess?) = self.state.withLock { state in
            guard let descriptor = state.descriptors.removeValue(forKey: id) else {
                state.cancelled.insert(id)
                return (nil, nil)
            }
            let continuation = state.watches[descriptor]?.waiters.removeValue(forKey: id)
            guard state.watches[descriptor]?.waiters.isEmpty == true else { return (continuation, nil) }
            return (continuation, self.endWatch(descriptor, &state)?.process)
        }
        continuation?.resume(throwing: CancellationError())
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
                let event = unsafe events[index].data.u64
                if event == Self.stopEvent { return self.end() }
                let watch = self.state.withLock { state in
                    state.descriptorOfWatch[event].flatMap { self.endWatch($0, &state) }
                }
                for waiter in watch?.waiters.values ?? [:].values { waiter.resume() }
            }
        }
    }

    private func end() {
        let watches = self.state.withLock { state in
            state.isStopped = true
            defer {
                state.watches = [:]
                state.descriptorOfWatch = [:]
                state.descriptors = [:]
            }
            return state.watches
        }
        for waiter in watches.values.flatMap(\.waiters.values) {
            waiter.resume(throwing: ProcessExitsError(operation: "wait", code: ECANCELED))
        }
    }

    private func endWatch(_ descriptor: CInt, _ state: inout State) -> Watch? {
        guard let watch = state.watches.removeValue(forKey: descriptor) else { return nil }
        state.descriptorOfWatch[watch.number] = nil
        for id in watch.waiters.keys { state.descriptors[id] = nil }
        _ = epoll_ctl(self.epoll, EPOLL_CTL_DEL, descriptor, nil)
        return watch
    }

    /// Returns 0, or the error number.
    private static func poll(_ descriptor: CInt, event number: UInt64, on epoll: CInt) -> CInt {
        var event = unsafe epoll_event()
        unsafe event.events = EPOLLIN.rawValue
        unsafe event.data.u64 = number
        return unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno
    }
}
