package import FoundationEssentials
package import GRPCCore
package import SPIFFE

/// Why an agent does not start, or stops.
///
/// Each description says what to do.
package enum AgentError: Error {
    /// There is no identity on disk and no join token.
    case noIdentity
    /// There is no trust bundle, on disk or in the configuration.
    case noTrustBundle
    /// The identity expired before it could be renewed.
    case identityExpired(SPIFFEID, Date)
    /// The server banned this agent; its identity was deleted.
    case banned(SPIFFEID)
    /// The server does not know this agent any more, and there is no unused join token.
    case mustReattest(SPIFFEID, AgentDenial)
    /// The server refused to attest this agent.
    case attestationRefused(RPCError.Code, String)
    /// The server sent an identity or a bundle that is not one.
    case serverReplyInvalid(String)
    /// The files of the identity are unusable.
    case dataUnusable(path: String, reason: String)
}

extension AgentError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noIdentity:
            "this agent has no identity and no join token: create one with 'signet token generate' and start the agent "
                + "with --join-token-file"
        case .noTrustBundle:
            "this agent does not know its server: give it the output of 'signet bundle show' as trust_bundle_path, or "
                + "set insecure_bootstrap"
        case .identityExpired(let id, let date):
            "the identity \(id) expired at \(date.formatted(.iso8601)) and was not renewed: create a join token with "
                + "'signet token generate' and start the agent with --join-token-file"
        case .banned(let id):
            "the server has banned \(id); its identity was deleted. To let this machine in again, evict the agent with "
                + "'signet agent evict' and attest it with a new join token"
        case .mustReattest(let id, let denial):
            "the server does not accept \(id) any more (\(denial.reason)): create a join token with "
                + "'signet token generate' and start the agent with --join-token-file"
        case .attestationRefused(let code, let message):
            "the server refused to attest this agent: \(message) (\(code)). A join token works once, until it expires: "
                + "create a new one with 'signet token generate'"
        case .serverReplyInvalid(let reason): "the server's reply cannot be used: \(reason)"
        case .dataUnusable(let path, let reason):
            "\(path): \(reason). Repair it, or remove it and attest the agent anew with a join token"
        }
    }
}
