import GRPCCore
import NodeAttestation

// How the refusals of the agent API appear on the wire; the words are SPIRE's where it has them.

extension RPCError {
    static let agentNotFound = RPCError(code: .notFound, message: "agent not found")
    static let agentBanned = RPCError(code: .permissionDenied, message: "failed to attest: agent is banned")

    /// Why a join token did not attest an agent; the token stays out of the answer.
    ///
    /// `nil` when it is our failure.
    init?(attesting error: JoinTokenError) {
        switch error {
        case .expired: self = .invalid("join token expired")
        case .unknownOrUsed: self = .joinTokenUnknown
        case .agentBanned: self = .agentBanned
        case .alreadyExists, .store: return nil
        }
    }

    static let joinTokenUnknown = RPCError.invalid(
        "failed to attest: join token does not exist or has already been used")

    /// An attestor that this server does not have.
    init(unknownAttestor type: String) {
        self.init(
            code: .failedPrecondition,
            message: "error getting node attestor: could not find node attestor type \"\(type.prefix(64))\"")
    }
}
