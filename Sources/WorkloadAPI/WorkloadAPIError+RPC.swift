import GRPCCore

extension WorkloadAPIError {
    /// The failure of a call, by its status.
    init(_ error: RPCError) {
        let message = String(decoding: error.message.utf8.prefix(WorkloadAPILimits.maxErrorMessageBytes), as: UTF8.self)
        self =
            switch error.code {
            case .permissionDenied: .permissionDenied(message)
            case .invalidArgument: .invalidArgument(message)
            case .unimplemented: .unimplemented(message)
            case .unavailable: .unavailable(message)
            case .deadlineExceeded: .timedOut
            default: .failed(status: error.code.rawValue, message: message)
            }
    }
}
