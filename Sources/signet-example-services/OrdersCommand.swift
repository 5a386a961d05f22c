import ArgumentParser
import Logging
import SPIFFE
import SPIFFETLS
import ServiceLifecycle
import UnixSignals
import WorkloadAPI

/// `orders`: serves HTTP until SIGTERM, and calls `payments`.
struct OrdersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders", abstract: "Serve orders over HTTP until SIGTERM, charging payments over gRPC.")

    @OptionGroup var options: ServiceOptions

    @Option(help: "The SPIFFE ID of payments.")
    var payments: AuthorizedID

    @Option(help: "The IPv4 address of payments.")
    var paymentsAddress = "127.0.0.1"

    @Option(help: "The TCP port of payments.")
    var paymentsPort: UInt16

    @Option(help: "How old a connection to payments becomes, in seconds.")
    var connectionAge = 60

    func validate() throws {
        guard (1...86_400).contains(self.connectionAge) else {
            throw ValidationError("--connection-age is from 1 to 86400 seconds.")
        }
    }

    func run() async throws {
        let source = try X509Source.ofThisProcess()
        let payments = try PaymentsClient(
            address: self.paymentsAddress, port: Int(self.paymentsPort), source: source,
            policy: .exactly(self.payments.id), connectionSeconds: self.connectionAge)
        let server = OrdersServer.application(
            address: self.options.address, port: Int(self.options.port), source: source,
            policy: .exactly(self.options.authorize.id), payments: payments
        ) { port in say("orders: serving on \(self.options.address):\(port)") }
        try await ServiceGroup(
            services: [source, payments, server], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "orders")
        ).run()
    }
}
