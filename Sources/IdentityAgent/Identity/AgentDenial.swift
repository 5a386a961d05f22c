import ControlPlaneProtos
package import GRPCCore
import ProtoRPC

/// Why the server does not treat a caller as an attested agent.
package enum AgentDenial: Error, Hashable, Sendable {
    case expired
    case notAttested
    case notActive
    case banned
    case mustReattest

    /// The denial that an answer of the server carries in its details, if any.
    package init?(_ error: RPCError) {
        guard error.code == .permissionDenied,
            let details = error.detail(of: Spire_Api_Types_PermissionDeniedDetails.self)
        else { return nil }
        switch details.reason {
        case .agentExpired: self = .expired
        case .agentNotAttested: self = .notAttested
        case .agentNotActive: self = .notActive
        case .agentBanned: self = .banned
        case .agentMustReattest: self = .mustReattest
        case .unknown, .UNRECOGNIZED: return nil
        }
    }

    /// The denial for people.
    package var reason: String {
        switch self {
        case .expired: "its certificate has expired"
        case .notAttested: "it is not attested, perhaps evicted"
        case .notActive: "its certificate has been replaced by another one"
        case .banned: "it is banned"
        case .mustReattest: "it must be attested again"
        }
    }
}
