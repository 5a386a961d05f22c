import AsyncHTTPClient
package import FoundationEssentials
import NIOCore
import NIOHTTP1
package import SPIFFE
import SPIFFEHTTPClient
package import SPIFFETLS

/// Who orders, once or at a steady pace.
package struct Customer: Sendable {
    /// How many orders are under way at once, at most.
    static let workers = 64

    private let client: SPIFFEHTTPClient
    private let url: String

    /// Runs `body` with a customer of the `orders` at an address.
    ///
    /// - Parameters:
    ///   - source: Who orders.
    ///   - policy: Who `orders` is.
    ///   - usesPerConnection: How many orders a connection takes: the next one has the identity of then.
    ///   - now: The time at which certificates are judged.
    package static func with<Result>(
        address: String = "127.0.0.1", port: Int, source: any X509SVIDSource, policy: PeerPolicy,
        usesPerConnection: Int, now: @escaping @Sendable () -> Date = { Date() },
        _ body: (Customer) async throws -> Result
    ) async throws -> Result {
        var configuration = HTTPClient.Configuration()
        configuration.maximumUsesPerConnection = usesPerConnection
        return try await withSPIFFEHTTPClient(
            source: source, policy: policy, now: now, configuration: configuration
        ) { client in
            try await body(Customer(client: client, url: "https://\(address):\(port)/orders"))
        }
    }

    package func order(_ number: Int) async throws -> Confirmation {
        var request = HTTPClientRequest(url: "\(self.url)/\(number)")
        request.method = .POST
        let response = try await self.client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 65_536)
        guard response.status == .ok else { throw OrderFailure(status: response.status.code) }
        return try JSONDecoder().decode(Confirmation.self, from: Data(body.readableBytesView))
    }

    /// Begins so many orders a second for a while, or as many as the machine allows.
    func order(rate: Double, for duration: Duration, onFailure: (any Error) -> Void) async -> Shopping {
        let clock = ContinuousClock()
        let start = clock.now
        return await withTaskGroup(of: [Swift.Result<Confirmation, any Error>].self) { group in
            for worker in 1...Self.workers {
                group.addTask {
                    var results: [Swift.Result<Confirmation, any Error>] = []
                    var number = worker
                    while true {
                        let due = start + .seconds(Double(number) / rate)
                        guard max(due, clock.now) < start + duration, !Task.isCancelled else { return results }
                        try? await clock.sleep(until: due)
                        do {
                            results.append(.success(try await self.order(number)))
                        } catch {
                            results.append(.failure(error))
                        }
                        number += Self.workers
                    }
                }
            }
            var shopping = Shopping()
            for await results in group {
                for result in results {
                    switch result {
                    case .success(let confirmation): shopping.add(confirmation)
                    case .failure(let error):
                        shopping.failures += 1
                        onFailure(error)
                    }
                }
            }
            shopping.seconds = (clock.now - start) / .seconds(1)
            return shopping
        }
    }
}

/// `orders` answered with another status than 200.
struct OrderFailure: Error {
    let status: UInt
}

/// What came of many orders.
struct Shopping: Encodable, Sendable {
    var orders = 0
    var failures = 0
    var seconds = 0.0
    /// SPIFFE IDs as the others know them.
    var customers: Set<String> = []
    var payers: Set<String> = []
    private var customerSerials: Set<String> = []
    private var payerSerials: Set<String> = []

    private enum CodingKeys: String, CodingKey {
        case orders
        case failures
        case seconds
        case customers
        case payers
        case customerCertificates = "customer_certificates"
        case payerCertificates = "payer_certificates"
    }

    mutating func add(_ confirmation: Confirmation) {
        self.orders += 1
        self.customers.insert(confirmation.customer)
        self.payers.insert(confirmation.payer)
        self.customerSerials.insert(confirmation.customerCertificate)
        self.payerSerials.insert(confirmation.payerCertificate)
    }

    /// Serial numbers are counted, not listed.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.orders, forKey: .orders)
        try container.encode(self.failures, forKey: .failures)
        try container.encode(self.seconds, forKey: .seconds)
        try container.encode(self.customers.sorted(), forKey: .customers)
        try container.encode(self.payers.sorted(), forKey: .payers)
        try container.encode(self.customerSerials.count, forKey: .customerCertificates)
        try container.encode(self.payerSerials.count, forKey: .payerCertificates)
    }
}
