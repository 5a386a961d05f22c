import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SPIFFETLS
import ServiceLifecycle
import UnixSignals
import WorkloadAPI

/// The library behind two ports, so that an outside suite can judge it: Docs/Harness.md.
///
/// Nothing is decided or retried here; every verdict and every reconnection is the library's.
@main
enum SDKHarness {
    /// How long requests that are under way may take once the program is told to end.
    static let shutdownTime: Duration = .seconds(2)
    /// How long a connection of the control port may say nothing.
    static let idleTime: TimeAmount = .seconds(60)

    static func main() async {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        do {
            try await self.run()
        } catch {
            FileHandle.standardError.write(Data("signet-sdk-harness: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func run() async throws {
        let client = WorkloadAPIClient(address: try WorkloadAPIAddress())
        let identity = X509Source(client: client)
        let tokens = JWTSource(client: client)
        let tls = SPIFFETLSContexts(source: identity, policy: .predicate { _ in true })
        let announcement = Announcement(identity: identity)
        let x509 = X509Port(tls: tls) { announcement.x509Port($0) }
        let control = Application(
            responder: ControlPort(client: client, tokens: tokens, dialer: Dialer(tls: tls)),
            server: HTTPServerBuilder { responder in
                KeptChannel(base: HTTP1Channel(responder: responder, configuration: .init(idleTimeout: Self.idleTime)))
            },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { announcement.controlPort($0.localAddress?.port) },
            logger: Logger(label: "signet-sdk-harness"))
        // A source that has ended keeps saying why; the ports stay to pass it on.
        var services = ServiceGroupConfiguration(
            services: [
                .init(service: identity, failureTerminationBehavior: .ignore),
                .init(service: tokens, failureTerminationBehavior: .ignore),
                .init(service: x509), .init(service: control),
                .init(service: announcement, successTerminationBehavior: .ignore),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "signet-sdk-harness"))
        services.maximumGracefulShutdownDuration = Self.shutdownTime
        try await ServiceGroup(configuration: services).run()
    }
}
