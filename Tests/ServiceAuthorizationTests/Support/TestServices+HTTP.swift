import Hummingbird
import HummingbirdCore
import Logging
import SPIFFEHummingbird
import SPIFFETLS

extension TestServices {
    /// Serves as `payments` over mutual TLS while `body` runs.
    func serving<Routes: HTTPResponderBuilder>(
        _ router: Routes, _ body: (_ port: Int) async throws -> Void
    ) async throws where Routes.Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        let (ports, port) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router, server: .spiffe(source: self.payments, policy: .memberOf(self.policy)),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await application.run() }
            for await port in ports {
                try await body(port)
                break
            }
            group.cancelAll()
        }
    }
}
