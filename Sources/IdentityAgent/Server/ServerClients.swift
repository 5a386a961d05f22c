import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import ProtoRPC
import SPIFFE
import SPIFFETLS

/// A gRPC client of the control plane.
typealias ServerClient = GRPCClient<HTTP2ClientTransport.Posix>

/// Makes clients of the control plane: where it is, and how it proves itself.
struct ServerClients: Sendable {
    /// The longest message of the server that is taken, in bytes.
    static let maxMessageBytes = 64 << 20
    private static let initialReconnectDelay: Duration = .milliseconds(200)
    private static let longestReconnectDelay: Duration = .seconds(5)

    let address: String
    let port: Int
    let serverID: SPIFFEID
    let now: @Sendable () -> Date

    /// A client that proves the agent's identity.
    ///
    /// - Parameter bundles: Asked at every connection.
    func client(as identity: AgentIdentity, bundles: @escaping @Sendable () -> TrustBundles) throws -> ServerClient {
        let source = AgentIdentitySource(svid: identity.svid, bundles: bundles)
        let contexts = SPIFFETLSContexts(
            source: source, policy: .exactly(self.serverID), now: self.now, applicationProtocols: ["h2"])
        return try self.client { $0.onCreateTCPConnection = { contexts.secureClient($0) } }
    }

    /// A client without an identity, which knows the server by a trust bundle.
    func anonymousClient(trusting bundle: TrustBundle) throws -> ServerClient {
        let contexts = SPIFFETLSContexts(
            anonymousTrusting: TrustBundles([bundle]), policy: .exactly(self.serverID), now: self.now,
            applicationProtocols: ["h2"])
        return try self.client { $0.onCreateTCPConnection = { contexts.secureClient($0) } }
    }

    /// A client that does not know who answers.
    func unverifiedClient() throws -> ServerClient {
        let tls = try UnverifiedTLSClient(applicationProtocols: ["h2"])
        return try self.client { $0.onCreateTCPConnection = { tls.secureClient($0) } }
    }

    private func client(
        securing secure: (inout HTTP2ClientTransport.Config.ChannelDebuggingCallbacks) -> Void
    ) throws -> ServerClient {
        var config = HTTP2ClientTransport.Posix.Config.defaults
        config.backoff.initial = Self.initialReconnectDelay
        config.backoff.max = Self.longestReconnectDelay
        // A waiting workload feels every millisecond, and the agent's traffic is not worth collecting.
        config.connection.flushCoalescing = nil
        secure(&config.channelDebuggingCallbacks)
        let everyMethod = MethodConfig(
            names: [MethodConfig.Name(service: "")], maxResponseMessageBytes: Self.maxMessageBytes)
        return GRPCClient(
            transport: try HTTP2ClientTransport.Posix(
                target: .dns(host: self.address, port: self.port), transportSecurity: .customSecure, config: config,
                serviceConfig: ServiceConfig(methodConfig: [everyMethod])))
    }
}

/// The agent's SVID of one connection, with the bundles of the moment.
private struct AgentIdentitySource: X509SVIDSource {
    let svid: SPIFFE.X509SVID
    let bundles: @Sendable () -> TrustBundles

    func current() -> X509Identity {
        X509Identity(svid: self.svid, bundles: self.bundles())
    }
}
