import ArgumentParser
import Foundation
import SPIFFE
import SPIFFETLS
import WorkloadAPI

/// `customer`: orders once, or at a steady pace for a while.
struct CustomerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "customer", abstract: "Order at a steady pace for a while, then print a summary in JSON.")

    /// The first failures are shown.
    private static let maxShownFailures = 10

    @Option(help: "The SPIFFE ID of orders.")
    var orders: AuthorizedID

    @Option(help: "The IPv4 address of orders.")
    var ordersAddress = "127.0.0.1"

    @Option(help: "The TCP port of orders.")
    var ordersPort: UInt16

    @Option(help: "How long to go on ordering, in seconds.")
    var duration = 1.0

    @Option(help: "How many orders to begin each second; fewer where the machine allows no more.")
    var rate = 10.0

    @Option(help: "How many orders a connection takes.")
    var usesPerConnection = 100

    func validate() throws {
        guard (0.1...86_400).contains(self.duration) else {
            throw ValidationError("--duration is from 0.1 to 86400 seconds.")
        }
        guard (0.1...100_000).contains(self.rate) else { throw ValidationError("--rate is from 0.1 to 100000.") }
        guard (1...1_000_000).contains(self.usesPerConnection) else {
            throw ValidationError("--uses-per-connection is from 1 to 1000000.")
        }
    }

    func run() async throws {
        let client = WorkloadAPIClient(address: try WorkloadAPIAddress())
        let shopping = try await withX509Source(client: client) { source in
            try await Customer.with(
                address: self.ordersAddress, port: Int(self.ordersPort), source: source,
                policy: .exactly(self.orders.id), usesPerConnection: self.usesPerConnection
            ) { customer in
                var shown = 0
                return await customer.order(rate: self.rate, for: .seconds(self.duration)) { error in
                    shown += 1
                    if shown <= Self.maxShownFailures {
                        FileHandle.standardError.write(Data("customer: an order failed: \(error)\n".utf8))
                    }
                }
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        say(String(decoding: try encoder.encode(shopping), as: UTF8.self))
        if shopping.failures > 0 { throw ExitCode(1) }
    }
}
