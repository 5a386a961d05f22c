import FoundationEssentials
import Logging
import NIOCore
import Rotation
import SPIFFE
import SPIFFETLS

/// The authorization server with its listener and its certificate, as a running whole.
struct AuthorizationEndpoint: Sendable {
    private let listener: AuthorizationListener
    /// The files of the certificate, what they held, and where it is replaced.
    private let files: (ServingFiles, ServingFiles.Contents, WebServerTLS)?
    private let port = Watched<Int?>(nil)

    /// Nil where the configuration has no endpoint.
    ///
    /// - Parameter identity: Its bundle judges client certificates; its SVID proves the server where there are no files.
    /// - Throws: `PrivateFileError` and `ServingCertificateError`.
    init?(
        _ configuration: IdentityServerConfiguration, plane: ControlPlane, identity: ServerIdentity,
        health: Watched<Bool>, logger: Logger
    ) throws {
        guard let endpoint = configuration.authorizationServer?.endpoint, let tokens = plane.tokens else { return nil }
        let policy = PeerPolicy.memberOf(configuration.trustDomain)
        let quota = ConnectionQuota(limit: AuthorizationListener.maxConnectionsPerNetwork)
        let tls: @Sendable () throws -> [any ChannelHandler]
        switch endpoint.certificate {
        case .files(let certificate, let key):
            let files = ServingFiles(certificatePath: certificate, keyPath: key)
            let contents = try files.read()
            let web = try WebServerTLS(
                certificateChainPEM: contents.certificate, privateKeyPEM: contents.key, source: identity,
                policy: policy, now: plane.instants.now, minimumVersion: configuration.minTLSVersion,
                applicationProtocols: ["http/1.1"], connectionAge: AuthorizationListener.connectionAge)
            self.files = (files, contents, web)
            tls = { [quota.handler()] + web.serverHandlers() }
        case .ownSVID:
            let contexts = SPIFFETLSContexts(
                source: identity, policy: policy, now: plane.instants.now,
                minimumVersion: configuration.minTLSVersion, applicationProtocols: ["http/1.1"],
                connectionAge: AuthorizationListener.connectionAge, clientAuthentication: .optional,
                onRefusedIdentity: { error in
                    logger.error("server identity not usable", metadata: [LogKey.error: "\(error)"])
                })
            self.files = nil
            tls = { [quota.handler()] + (try contexts.serverHandlers()) }
        }
        self.listener = AuthorizationListener(
            server: AuthorizationServer(tokens: tokens, plane: plane, health: health), host: endpoint.bindAddress,
            port: endpoint.bindPort, tls: tls, instants: plane.instants, logger: logger)
    }

    /// The port, once it listens.
    ///
    /// - Throws: `CancellationError`.
    var boundPort: Int {
        get async throws {
            for await port in self.port.updates() { if let port { return port } }
            throw CancellationError()
        }
    }

    /// Serves until it is shut down gracefully or cancelled.
    ///
    /// - Throws: `TCPListenError` when it cannot listen.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            if let (files, contents, tls) = self.files {
                group.addTask {
                    try await files.follow(
                        tls, from: contents, instants: self.listener.instants, logger: self.listener.logger)
                }
            }
            group.addTask { try await self.listener.run { self.port.publish($0) } }
            // The files are followed for as long as it serves.
            try await group.next()
        }
    }
}
