package import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import SPIFFE
import SPIFFEGRPC
package import SPIFFETLS
import ServiceLifecycle

/// How `orders` calls `payments`.
package struct PaymentsClient: Service {
    /// How long to wait before a call is made again.
    private static let delays: [Duration] = [.zero, .milliseconds(50), .milliseconds(250), .seconds(1)]

    private let client: GRPCClient<HTTP2ClientTransport.Posix>

    /// - Parameters:
    ///   - source: Who calls.
    ///   - policy: Who `payments` is.
    ///   - now: The time at which certificates are judged.
    package init(
        address: String = "127.0.0.1", port: Int, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        self.client = GRPCClient(
            transport: try .spiffe(
                target: .ipv4(address: address, port: port), source: source, policy: policy, now: now))
    }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await self.client.runConnections()
        } onGracefulShutdown: {
            self.client.beginGracefulShutdown()
        }
    }

    /// Charges for an order, again where nobody answers: a second charge for an order changes nothing.
    ///
    /// A call that meets the end of its connection fails, or waits in vain for the time it has.
    func charge(_ charge: Charge) async throws -> Receipt {
        for delay in Self.delays {
            do {
                return try await self.charge(charge, timeout: .seconds(2))
            } catch let error as RPCError where [.unavailable, .deadlineExceeded, .cancelled].contains(error.code) {
                try await Task.sleep(for: delay)
            }
        }
        return try await self.charge(charge, timeout: .seconds(20))
    }

    private func charge(_ charge: Charge, timeout: Duration) async throws -> Receipt {
        var options = CallOptions.defaults
        options.timeout = timeout
        // Between two connections a call waits for the next one.
        options.waitForReady = true
        return try await self.client.unary(
            request: ClientRequest(message: charge), descriptor: PaymentsServer.charge,
            serializer: JSONMessage<Charge>(), deserializer: JSONMessage<Receipt>(), options: options
        ) { try $0.message }
    }
}
