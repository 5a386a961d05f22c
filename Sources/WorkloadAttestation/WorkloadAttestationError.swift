/// Why nothing is said about a process.
///
/// It then gets no identity, and may ask again.
package enum WorkloadAttestationError: Error, Hashable {
    /// The process has exited.
    case exited
    /// The process is not, or no longer, who connected the socket: another user, group, program, or another process.
    case changed
    /// `/proc` does not show the process.
    case unreadable(ProcError)
    /// `/proc` shows the process in a form that is not understood.
    case malformedStatus
    /// A file system, or the directory of users, did not answer in time.
    case timedOut(limit: Duration)
    /// The task was cancelled.
    case cancelled
    /// Every attestor failed; what each said, by its name.
    case attestorsFailed([String: String])
}

extension WorkloadAttestationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited: "the process has exited"
        case .changed: "the process changed its user, group or program, or is another one"
        case .unreadable(let error): error.description
        case .malformedStatus: "the status of the process in /proc is not understood"
        case .timedOut(let limit): "this machine did not tell names and program of the process within \(limit)"
        case .cancelled: "the attestation was cancelled"
        case .attestorsFailed(let reasons):
            "every workload attestor failed: "
                + reasons.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ")
        }
    }
}
