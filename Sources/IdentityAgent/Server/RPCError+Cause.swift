import GRPCCore

extension RPCError {
    /// Why a connection failed, as deep as gRPC tells.
    var rootCause: String? {
        var deepest: (any Error)?
        var next = self.cause
        // The chain is a few errors long.
        while let error = next {
            deepest = error
            next = (error as? RPCError)?.cause ?? (error as? RuntimeError)?.cause
        }
        return deepest.map { "\($0)" }
    }

    /// Whether the server failed at what it was asked, and did not refuse it.
    var isServerFailure: Bool {
        self.code == .internalError || self.code == .unknown
    }

    /// Whether trying again later may help: the server was not reached, or is not able to answer now.
    var isTransient: Bool {
        switch self.code {
        case .unavailable, .deadlineExceeded, .resourceExhausted, .aborted, .cancelled: true
        default: false
        }
    }
}
