package import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import SPIFFE
import SPIFFEGRPC
package import SPIFFETLS
import ServiceLifecycle

/// `payments`: a gRPC service that tells who charges.
package struct PaymentsServer: Service {
    static let charge = MethodDescriptor(fullyQualifiedService: "example.Payments", method: "Charge")

    private let transport: SPIFFEServerTransport
    private let onListening: @Sendable (_ port: Int) -> Void

    /// - Parameters:
    ///   - source: Who this service is.
    ///   - policy: Who may charge.
    ///   - now: The time at which certificates are judged.
    ///   - onListening: Told the port.
    package init(
        address: String = "127.0.0.1", port: Int = 0, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() },
        onListening: @escaping @Sendable (_ port: Int) -> Void
    ) {
        self.transport = SPIFFEServerTransport(
            address: .ipv4(host: address, port: port), source: source, policy: policy, now: now)
        self.onListening = onListening
    }

    package func run() async throws {
        let server = GRPCServer(transport: self.transport, services: [PaymentsService()])
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.serve() }
                self.onListening(try await self.transport.listeningAddress.ipv4?.port ?? 0)
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            server.beginGracefulShutdown()
        }
    }
}

private struct PaymentsService: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: PaymentsServer.charge, deserializer: JSONMessage<Charge>(), serializer: JSONMessage<Receipt>()
        ) { request, context in
            _ = try await ServerRequest(stream: request).message
            guard let payer = context.spiffePeer else {
                throw RPCError(code: .unauthenticated, message: "payments are charged by services")
            }
            let receipt = Receipt(payer: payer.id.uri, payerCertificate: payer.serialNumber)
            return StreamingServerResponse(single: ServerResponse(message: receipt))
        }
    }
}
