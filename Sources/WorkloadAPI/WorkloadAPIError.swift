/// Why the Workload API gave nothing, or gave something that cannot be used.
@nonexhaustive
public enum WorkloadAPIError: Error, Hashable {
    /// The Workload API has no identity for this process (PERMISSION_DENIED); the text is the server's.
    case permissionDenied(String)
    /// The request was refused as malformed, by the server (INVALID_ARGUMENT) or before it was sent: repeating it is of
    /// no use.
    case invalidArgument(String)
    /// The Workload API does not offer this profile (UNIMPLEMENTED): repeating the request is of no use.
    case unimplemented(String)
    /// The Workload API cannot be reached, is not ready or has ended the stream (UNAVAILABLE).
    case unavailable(String)
    /// The Workload API did not answer in time.
    case timedOut
    /// The call failed with another status of gRPC.
    case failed(status: Int, message: String)
    /// The Workload API sent a message that breaks the standard. It was discarded, what was known before holds.
    case invalidMessage(WorkloadAPIMessageError)
    /// No SVID of this process is the one that was asked for.
    case noSuchSVID(SVIDSelection)
    /// The source has not received anything yet.
    case notReady
}

extension WorkloadAPIError {
    /// A stable identifier of the case, for metrics and logs.
    public var label: String {
        switch self {
        case .permissionDenied: "workload_api.permission_denied"
        case .invalidArgument: "workload_api.invalid_argument"
        case .unimplemented: "workload_api.unimplemented"
        case .unavailable: "workload_api.unavailable"
        case .timedOut: "workload_api.timed_out"
        case .failed: "workload_api.failed"
        case .invalidMessage: "workload_api.invalid_message"
        case .noSuchSVID: "workload_api.no_such_svid"
        case .notReady: "workload_api.not_ready"
        }
    }
}

extension WorkloadAPIError: CustomStringConvertible {
    /// What went wrong, for the person who runs the service.
    public var description: String {
        switch self {
        case .permissionDenied(let message): "the Workload API has no identity for this process: \(message)"
        case .invalidArgument(let message): "the request is refused: \(message)"
        case .unimplemented(let message): "the Workload API does not offer this: \(message)"
        case .unavailable(let message): "the Workload API is unavailable: \(message)"
        case .timedOut: "the Workload API did not answer in time"
        case .failed(let status, let message): "the Workload API failed with status \(status): \(message)"
        case .invalidMessage(let error): "the Workload API sent something unusable: \(error)"
        case .noSuchSVID(let selection): "the Workload API gave no SVID \(selection)"
        case .notReady: "nothing has arrived from the Workload API yet"
        }
    }
}
