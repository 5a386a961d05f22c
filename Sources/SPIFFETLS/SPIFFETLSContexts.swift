public import FoundationEssentials
public import NIOCore
import NIOSSL
public import SPIFFE

/// Mutual TLS between workloads for NIO: identities from a source, peers by SPIFFE ID, certificates replaced without
/// restart.
///
/// Ask it for handlers at each new connection. Each connection uses the X509-SVID that the source holds at that moment
/// and judges its peer by the trust bundles in force when the peer's certificate arrives. Established connections
/// live on when the identity rotates.
///
/// - TLS 1.3 unless told otherwise; X25519MLKEM768 is preferred for the key exchange.
/// - The peer is known by its SPIFFE ID only: host names are neither sent nor compared.
/// - Who the peer is arrives as a ``SPIFFEPeerVerified`` event before any byte of the application, and can be read
///   from the channel afterwards. A refused peer's error is a ``SPIFFETLSError``.
/// - A server's clients may resume sessions for as long as the snapshot is in force, and are validated again when they
///   do. Clients made here never resume.
public final class SPIFFETLSContexts: Sendable {
    private enum Identity: Sendable {
        case source(any X509SVIDSource)
        case anonymous(TrustBundles)
    }

    private let identity: Identity
    private let options: TLSOptions
    private let connectionAge: ConnectionAge?
    private let clientAuthentication: ClientAuthentication
    private let serverContext: IdentityContext
    private let clientContext: IdentityContext
    private let serverVerification: PeerVerification
    private let clientVerification: PeerVerification

    /// Creates contexts for a service that proves its identity and requires its peers to prove theirs.
    ///
    /// - Parameters:
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which peers are talked to. Checked within the handshake, after validation.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - minimumVersion: The oldest version of TLS. Default: 1.3.
    ///   - applicationProtocols: ALPN identifiers in the order of preference; ASCII, 1 to 255 bytes each. Default: none.
    ///   - connectionAge: How old an accepted connection may become. Default: as old as it likes.
    ///   - revokedPeers: Whose connections are refused and ended although their SVIDs are valid. Default: nobody's.
    ///   - onRefusedIdentity: Called once for each SVID of the source that cannot be used, on the event loop that came
    ///     upon it; the last good snapshot stays in force. Default: does nothing.
    public convenience init(
        source: any X509SVIDSource,
        policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13,
        applicationProtocols: [String] = [],
        connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) {
        self.init(
            source: source, policy: policy, now: now, minimumVersion: minimumVersion,
            applicationProtocols: applicationProtocols, connectionAge: connectionAge, revokedPeers: revokedPeers,
            clientAuthentication: .required, onRefusedIdentity: onRefusedIdentity)
    }

    /// Creates contexts that tell of refused identities together with others.
    package convenience init(
        source: any X509SVIDSource, policy: PeerPolicy, now: @escaping @Sendable () -> Date,
        minimumVersion: MinimumTLSVersion, applicationProtocols: [String], revokedPeers: RevokedPeers?,
        refusals: RefusedIdentities
    ) {
        self.init(
            identity: .source(source), policy: policy, now: now,
            options: TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols),
            connectionAge: nil, revokedPeers: revokedPeers, clientAuthentication: .required, refusals: refusals)
    }

    /// Creates contexts whose servers may also accept clients without a certificate.
    package convenience init(
        source: any X509SVIDSource,
        policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13,
        applicationProtocols: [String] = [],
        connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        clientAuthentication: ClientAuthentication,
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) {
        self.init(
            identity: .source(source), policy: policy, now: now,
            options: TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols),
            connectionAge: connectionAge, revokedPeers: revokedPeers, clientAuthentication: clientAuthentication,
            refusals: RefusedIdentities(onRefusedIdentity))
    }

    /// Creates contexts for clients that have no identity yet and know whom to trust: an agent before it is attested.
    package convenience init(
        anonymousTrusting bundles: TrustBundles,
        policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() },
        minimumVersion: MinimumTLSVersion = .tlsv13,
        applicationProtocols: [String] = []
    ) {
        self.init(
            identity: .anonymous(bundles), policy: policy, now: now,
            options: TLSOptions(minimumVersion: minimumVersion, applicationProtocols: applicationProtocols),
            connectionAge: nil, revokedPeers: nil, clientAuthentication: .required,
            refusals: RefusedIdentities { _ in })
    }

    private init(
        identity: Identity, policy: PeerPolicy, now: @escaping @Sendable () -> Date, options: TLSOptions,
        connectionAge: ConnectionAge?, revokedPeers: RevokedPeers?, clientAuthentication: ClientAuthentication,
        refusals: RefusedIdentities
    ) {
        self.identity = identity
        self.options = options
        self.connectionAge = connectionAge
        self.clientAuthentication = clientAuthentication
        let server = IdentityContext(
            makeContext: { try options.context(svid: $0, verification: clientAuthentication.nioSSL) },
            refusals: refusals)
        let client = IdentityContext(
            makeContext: { try options.context(svid: $0, verification: .noHostnameVerification) },
            refusals: refusals)
        self.serverContext = server
        self.clientContext = client
        self.serverVerification = PeerVerification(
            policy: policy, revokedPeers: revokedPeers, now: now,
            bundles: { try Self.bundles(of: identity, in: server) }, chains: PresentedChains())
        self.clientVerification = PeerVerification(
            policy: policy, revokedPeers: revokedPeers, now: now,
            bundles: { try Self.bundles(of: identity, in: client) }, chains: nil)
    }

    /// Handlers for one accepted connection, in the order in which they are added, at the head of its pipeline.
    ///
    /// - Throws: What the source throws when it has no identity; ``SPIFFETLSError/identityUnusable(_:)``;
    ///   ``SPIFFETLSError/identityMissing`` for contexts without an identity of their own.
    public func serverHandlers() throws -> [any ChannelHandler] {
        guard case .source(let source) = self.identity else { throw SPIFFETLSError.identityMissing }
        let snapshot = try self.serverContext.snapshot(for: source.current())
        let peer = SPIFFEPeerHandler(
            verification: self.serverVerification, requiresCertificate: self.clientAuthentication == .required)
        let tls = NIOSSLServerHandler(
            context: snapshot.context, customVerificationCallback: { peer.verify($0, answer: $1) })
        guard let age = self.connectionAge else { return [tls, peer] }
        var generator = SystemRandomNumberGenerator()
        return [tls, peer, ConnectionAgeHandler(limit: age.limit(using: &generator), grace: age.grace)]
    }

    /// Handlers for one outgoing connection, in the order in which they are added, at the head of its pipeline.
    ///
    /// - Throws: What the source throws when it has no identity; ``SPIFFETLSError/identityUnusable(_:)``.
    public func clientHandlers() throws -> [any ChannelHandler] {
        let peer = SPIFFEPeerHandler(verification: self.clientVerification, requiresCertificate: true)
        let tls = try NIOSSLClientHandler(
            context: self.contextOfClient(), serverHostname: nil,
            customVerificationCallback: { peer.verify($0, answer: $1) })
        return [tls, peer]
    }

    /// Adds ``clientHandlers()`` at the head of a pipeline.
    ///
    /// Callable from anywhere; made for transports that hand out their
    /// channel, as gRPC's `onCreateTCPConnection` does.
    public func secureClient(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandlers(self.clientHandlers(), position: .first)
        }
    }

    private func contextOfClient() throws -> NIOSSLContext {
        switch self.identity {
        case .source(let source): try self.clientContext.snapshot(for: source.current()).context
        case .anonymous: try self.options.context(svid: nil, verification: .noHostnameVerification)
        }
    }

    private static func bundles(of identity: Identity, in contexts: IdentityContext) throws -> TrustBundles {
        switch identity {
        case .source(let source): try contexts.snapshot(for: source.current()).identity.bundles
        case .anonymous(let bundles): bundles
        }
    }
}
