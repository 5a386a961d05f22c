import ArgumentParser
import Logging
import SPIFFE
import SPIFFETLS
import ServiceLifecycle
import UnixSignals
import WorkloadAPI

/// `payments`: serves gRPC until SIGTERM.
struct PaymentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payments", abstract: "Serve payments over gRPC until SIGTERM.")

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let source = try X509Source.ofThisProcess()
        let server = PaymentsServer(
            address: self.options.address, port: Int(self.options.port), source: source,
            policy: .exactly(self.options.authorize.id)
        ) { port in say("payments: serving on \(self.options.address):\(port)") }
        try await ServiceGroup(
            services: [source, server], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "payments")
        ).run()
    }
}
