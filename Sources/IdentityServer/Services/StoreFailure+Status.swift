import GRPCCore
import Registration

extension RPCError {
    /// The store could not do what the call needs: no refusal, the same call may succeed later.
    ///
    /// The engine's text is for the log alone.
    init(_ failure: StoreFailure) {
        let state =
            switch failure {
            case .full: "is full"
            case .busy: "is locked"
            case .readOnly: "is read-only"
            case .damaged: "is damaged"
            case .unavailable: "does not answer"
            }
        self.init(
            code: .unavailable, message: "the server's store \(state), nothing was changed: try again later")
    }
}
