import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import ProtoRPC
import SPIFFE

/// How an agent without a trust bundle on disk gets its first one.
struct TrustBootstrap: Sendable {
    private static let timeout: Duration = .seconds(10)

    let trustDomain: TrustDomain
    let bootstrap: IdentityAgentConfiguration.Bootstrap
    let clients: ServerClients
    let logger: Logger

    /// The first trust bundle.
    ///
    /// - Throws: ``AgentError``; `RPCError` when the server was not reached.
    func firstBundle() async throws -> TrustBundle {
        switch self.bootstrap {
        case .bundle(let bundle): return bundle
        case .identityOnDisk: throw AgentError.noTrustBundle
        case .insecure:
            self.logger.warning(
                "trusting whoever answers as the server, because insecure_bootstrap is set",
                metadata: [LogKey.server: "\(self.clients.address):\(self.clients.port)"])
            let client = try self.clients.unverifiedClient()
            let reply = try await client.running {
                try await $0.call(BundleMethods.getBundle, .init(), timeout: Self.timeout)
            }
            let bundle = try TrustBundle(reply, trustDomain: self.trustDomain)
            guard !bundle.x509Authorities.isEmpty else {
                throw AgentError.serverReplyInvalid("the trust bundle has no X.509 authority")
            }
            return bundle
        }
    }
}
