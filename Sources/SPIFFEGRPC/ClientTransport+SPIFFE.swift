public import FoundationEssentials
public import GRPCCore
public import GRPCNIOTransportHTTP2Posix
import NIOCore
public import SPIFFE
public import SPIFFETLS

extension ClientTransport where Self == HTTP2ClientTransport.Posix {
    /// A client transport over mutual TLS between workloads, with an identity that replaces itself and servers known by
    /// SPIFFE ID.
    ///
    /// A server that is not authorized is never sent anything; calls wait for another one, or fail, as the service
    /// config says. Host names are neither sent nor compared. A rotation takes effect with the next connection.
    ///
    /// - Parameters:
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which servers are called.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - revokedPeers: The servers whose connections are refused and ended. Default: nobody's.
    /// - Throws: `RuntimeError` where there is no resolver for the target.
    public static func spiffe(
        target: any ResolvableTarget, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, revokedPeers: RevokedPeers? = nil,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: NameResolverRegistry = .defaults,
        serviceConfig: ServiceConfig = ServiceConfig()
    ) throws -> Self {
        let tls = SPIFFETLSContexts(
            source: source, policy: policy, now: now, applicationProtocols: ["h2"], revokedPeers: revokedPeers)
        var config = config
        let callback = config.channelDebuggingCallbacks.onCreateTCPConnection
        // What gRPC Swift has for security of one's own: `customSecure`, and handlers that are added here.
        config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
            guard let callback else { return tls.secureClient(channel) }
            return callback(channel).flatMap { tls.secureClient(channel) }
        }
        return try HTTP2ClientTransport.Posix(
            target: target, transportSecurity: .customSecure, config: config, resolverRegistry: resolverRegistry,
            serviceConfig: serviceConfig)
    }
}
