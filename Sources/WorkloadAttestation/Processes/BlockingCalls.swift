import Glibc
import Synchronization

/// Runs calls that may block on threads of their own, so that those of Swift's tasks stay free.
///
/// Files may lie on file systems that do not answer, or that are programs of the workloads themselves; names may come from
/// a directory on the network. A call for which nobody waits any more keeps its thread and its user's place until it
/// returns, so that those who ask again do not gather threads.
package final class BlockingCalls: Sendable {
    private enum Everybody: Hashable {
        case everybody
    }

    private let users: Gate<UInt32>
    private let threads: Gate<Everybody>

    /// - Parameters:
    ///   - maxThreads: How many calls run at a time; at least 1.
    ///   - maxThreadsPerUser: How many of them for one user; at least 1.
    package init(maxThreads: Int, maxThreadsPerUser: Int) {
        self.users = Gate(limit: maxThreadsPerUser)
        self.threads = Gate(limit: maxThreads)
    }

    /// Runs a call on a thread, and waits for its result.
    ///
    /// - Parameters:
    ///   - uid: The user whose process is asked about.
    ///   - call: What may block; it can ask whether anybody still waits for it.
    /// - Throws: What the call throws; `CancellationError` at once when the task is cancelled; ``ThreadError``.
    package func run<Value: Sendable>(
        for uid: UInt32, _ call: @escaping @Sendable (_ isAbandoned: () -> Bool) throws -> Value
    ) async throws -> Value {
        let user = try await self.users.enter(uid)
        let thread = try await self.threads.enter(.everybody)
        let outcome = Outcome<Value>()
        let code = DetachedThread.start {
            withExtendedLifetime((user, thread)) {
                outcome.set(Result { try call { outcome.isAbandoned } })
            }
        }
        guard code == 0 else { throw ThreadError(code: code) }
        return try await outcome.value()
    }

    /// How many wait for a thread.
    package var waitingCount: Int { self.users.waitingCount + self.threads.waitingCount }
}

/// The system gave no thread.
package struct ThreadError: Error, Hashable, CustomStringConvertible {
    /// The error number of the system call.
    package let code: Int32

    package var description: String {
        // glibc returns a constant for codes it knows.
        "cannot start a thread: \(unsafe String(cString: strerror(self.code)))"
    }
}

/// What a call on another thread comes to, and the one task that waits for it.
private final class Outcome<Value: Sendable>: Sendable {
    private enum State {
        case underWay(CheckedContinuation<Value, any Error>?)
        case ended(Result<Value, any Error>)
        case abandoned
    }

    private let state = Mutex(State.underWay(nil))

    var isAbandoned: Bool {
        self.state.withLock { if case .abandoned = $0 { true } else { false } }
    }

    func set(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = self.state.withLock { state in
            guard case .underWay(let continuation) = state else { return nil }
            state = .ended(result)
            return continuation
        }
        continuation?.resume(with: result)
    }

    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Value, any Error>? = self.state.withLock { state in
                    switch state {
                    case .underWay:
                        state = .underWay(continuation)
                        return nil
                    case .ended(let result): return result
                    case .abandoned: return .failure(CancellationError())
                    }
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let continuation: CheckedContinuation<Value, any Error>? = self.state.withLock { state in
                guard case .underWay(let continuation) = state else { return nil }
                state = .abandoned
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }
}
