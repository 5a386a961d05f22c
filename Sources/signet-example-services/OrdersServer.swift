package import Foundation
package import Hummingbird
import Logging
package import SPIFFE
import SPIFFEHummingbird
package import SPIFFETLS

/// `orders`: an HTTP service that charges `payments` for each order.
package enum OrdersServer {
    /// - Parameters:
    ///   - source: Who this service is.
    ///   - policy: Who may order.
    ///   - payments: Who is charged.
    ///   - now: The time at which certificates are judged.
    ///   - onListening: Told the port.
    package static func application(
        address: String = "127.0.0.1", port: Int = 0, source: any X509SVIDSource, policy: PeerPolicy,
        payments: PaymentsClient, now: @escaping @Sendable () -> Date = { Date() },
        onListening: @escaping @Sendable (_ port: Int) -> Void
    ) -> some ApplicationProtocol {
        let router = Router(context: SPIFFERequestContext.self)
        router.post("orders/:order") { _, context in
            guard let customer = context.peer else { throw HTTPError(.unauthorized) }
            let order = try context.parameters.require("order", as: Int.self)
            let receipt: Receipt
            do {
                receipt = try await payments.charge(Charge(order: order, cents: 1_990))
            } catch {
                context.logger.warning("payments cannot be charged", metadata: ["error": "\(error)"])
                throw HTTPError(.badGateway)
            }
            return Confirmation(
                order: order, customer: customer.id.uri, customerCertificate: customer.serialNumber,
                payer: receipt.payer, payerCertificate: receipt.payerCertificate)
        }
        return Application(
            router: router, server: .spiffe(source: source, policy: policy, now: now),
            configuration: ApplicationConfiguration(address: .hostname(address, port: port)),
            onServerRunning: { onListening($0.localAddress?.port ?? 0) }, logger: Logger(label: "orders"))
    }
}

extension Confirmation: ResponseEncodable {}
