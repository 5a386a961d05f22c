import Foundation
import TestSupport
import Testing

/// What the customer of `signet-example-services` prints.
private struct Shopping: Decodable {
    let orders: Int
    let failures: Int
    let seconds: Double
    let customers: [String]
    let payers: [String]
    let customer_certificates: Int
    let payer_certificates: Int
}

@Suite("Scenario: services written with the library rotate under load", .timeLimit(.minutes(8)))
struct ExampleServicesRotate {
    /// A hundred rotations, two seconds each, take minutes: they are for `make abuse`.
    private static let seconds = Thoroughness.isHigh ? 210 : 9
    private static let rotations = Thoroughness.isHigh ? 100 : 3
    private static let rate = Thoroughness.isHigh ? 1_000 : 100

    @Test("HTTP and gRPC, servers and clients: SVIDs are replaced every two seconds, and no request fails")
    func rotation() async throws {
        let deployment = try Deployment()
        let server = try await deployment.startServer()
        let agent = try await deployment.startAgent()
        let services = Services(deployment: deployment, original: Programs.exampleServices)
        for name in ["payments", "orders", "customer"] {
            // Replaced when half of their life is over.
            try await deployment.register("/\(name)", selector: services.selector(name), "--x509-svid-ttl", "4")
        }
        let payments = try services.start(
            "payments", ["payments", "--authorize", deployment.id("/orders")])
        let orders = try services.start(
            "orders",
            [
                "orders", "--authorize", deployment.id("/customer"), "--payments", deployment.id("/payments"),
                "--payments-port", try await self.port(of: payments), "--connection-age", "1",
            ])
        let customer = try services.start(
            "customer",
            [
                "customer", "--orders", deployment.id("/orders"), "--orders-port", try await self.port(of: orders),
                "--duration", "\(Self.seconds)", "--rate", "\(Self.rate)", "--uses-per-connection", "20",
            ])
        let summary = try JSONDecoder().decode(
            Shopping.self, from: Data(try await customer.line(containing: "{").utf8))
        #expect(await customer.waitForEnd() == 0, "\(customer.log)")
        #expect(summary.failures == 0, "\(customer.log)\n\(orders.log)")
        #expect(summary.customers == [deployment.id("/customer")])
        #expect(summary.payers == [deployment.id("/orders")])
        #expect(summary.customer_certificates >= Self.rotations)
        #expect(summary.payer_certificates >= Self.rotations)
        let rate = Double(summary.orders) / summary.seconds
        print("orders over rotating SVIDs: \(Int(rate)) a second,", summary)
        #expect(await orders.stop() == 0, "\(orders.log)")
        #expect(await payments.stop() == 0, "\(payments.log)")
        _ = (await agent.stop(), await server.stop())
    }

    private func port(of service: RunningProgram) async throws -> String {
        let line = try await service.line(containing: "serving on")
        return String(try #require(line.split(separator: ":").last))
    }
}
