import ArgumentParser
import Foundation
import Logging

/// Three services written with the library: a customer orders over HTTP, `orders` charges `payments` over gRPC.
@main
struct ExampleServices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signet-example-services",
        abstract: "An example: HTTP and gRPC services that know each other by SPIFFE ID.",
        discussion: """
            Each fetches its identity from the Workload API that SPIFFE_ENDPOINT_SOCKET names. No line of them is about \
            certificates or their rotation.
            """,
        subcommands: [PaymentsCommand.self, OrdersCommand.self, CustomerCommand.self])

    static func main() async {
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .warning
            return handler
        }
        await self.main(nil)
    }
}
