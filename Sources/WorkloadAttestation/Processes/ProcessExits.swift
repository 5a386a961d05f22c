import Glibc

/// Tells waiting tasks when their processes exit: one thread that polls the pidfds of all of them.
///
/// The thread ends with the last reference to this object.
package final class ProcessExits: Sendable {
    private let poller: ProcessExitPoller

    /// Starts the thread.
    package init() throws(ProcessExitsError) {
        self.poller = try ProcessExitPoller()
        try self.poller.startThread()
    }

    deinit {
        self.poller.stop()
    }

    /// Returns once the process has exited, at once when it already has.
    ///
    /// - Throws: `CancellationError` when the task is cancelled; ``ProcessExitsError`` when the process cannot be
    ///   followed.
    package func waitForExit(of process: WorkloadProcess) async throws {
        let id = self.poller.makeID()
        defer { self.poller.forget(id) }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.poller.add(process, id: id, continuation)
            }
        } onCancel: {
            self.poller.cancel(id)
        }
    }

    /// How many wait.
    package var waitingCount: Int { self.poller.waitingCount }
}

/// The system did not let processes be followed.
package struct ProcessExitsError: Error, Hashable, CustomStringConvertible {
    package let operation: String
    /// The error number of the system call.
    package let code: Int32

    package var description: String {
        // glibc returns a constant for codes it knows.
        "\(self.operation): \(unsafe String(cString: strerror(self.code)))"
    }
}
