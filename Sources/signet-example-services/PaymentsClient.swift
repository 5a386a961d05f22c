package import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import SPIFFE
import SPIFFEGRPC
package import SPIFFETLS
import ServiceLifecycle

/// How `orders` calls `payments`.
package struct PaymentsClient: Service {
    private let client: GRPCClient<SPIFFEClientTransport>

    /// - Parameters:
    ///   - source: Who calls.
    ///   - policy: Who `payments` is.
    ///   - connectionSeconds: How old a connection becomes: `payments` sees a new identity on the next one.
    ///   - now: The time at which certificates are judged.
    package init(
        address: String = "127.0.0.1", port: Int, source: any X509SVIDSource, policy: PeerPolicy,
        connectionSeconds: Int, now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        self.client = GRPCClient(
            transport: try .spiffe(
                target: .ipv4(address: address, port: port), source: source, policy: policy, now: now,
                connectionAge: ConnectionAge(maximum: .seconds(connectionSeconds))))
    }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await self.client.runConnections()
        } onGracefulShutdown: {
            self.client.beginGracefulShutdown()
        }
    }

    func charge(_ charge: Charge) async throws -> Receipt {
        var options = CallOptions.defaults
        options.timeout = .seconds(20)
        // Also before this service has its identity, and while payments is restarted.
        options.waitForReady = true
        return try await self.client.unary(
            request: ClientRequest(message: charge), descriptor: PaymentsServer.charge,
            serializer: JSONMessage<Charge>(), deserializer: JSONMessage<Receipt>(), options: options
        ) { try $0.message }
    }
}
