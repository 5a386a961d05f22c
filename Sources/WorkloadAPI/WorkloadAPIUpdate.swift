/// What happens on a stream of the Workload API that is being followed.
public enum WorkloadAPIUpdate<Value: Sendable>: Sendable {
    /// The complete state, replacing everything received before.
    case received(Value)
    /// A message was refused. The state received before holds, the stream goes on.
    case discarded(WorkloadAPIError)
    /// The stream is gone and is being opened again. The state received before holds.
    case interrupted(WorkloadAPIError)
    /// The server has no identity for this process. The state received before is withdrawn; the server is asked again.
    case withdrawn(WorkloadAPIError)
}
