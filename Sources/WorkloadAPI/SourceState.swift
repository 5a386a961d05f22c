/// What a source knows of a stream it follows: one snapshot, replaced whole.
enum SourceState<Value: Sendable>: Sendable {
    /// Nothing has arrived yet; the error is the last one, if any.
    case waiting(WorkloadAPIError?)
    case ready(Value)
    /// The Workload API has no identity for this process, or will never answer.
    case withdrawn(WorkloadAPIError)

    /// The value in force.
    var value: Value {
        get throws(WorkloadAPIError) {
            switch self {
            case .waiting(let error): throw error ?? .notReady
            case .ready(let value): return value
            case .withdrawn(let error): throw error
            }
        }
    }
}
