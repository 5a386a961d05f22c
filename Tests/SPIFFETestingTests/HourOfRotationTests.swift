import FoundationEssentials
import Hummingbird
import SPIFFE
import SPIFFETLS
import SPIFFETesting
import ServiceLifecycle
import Testing
import WorkloadAPI
import signet_example_services

/// The ports that services listen on, in the order in which they began.
private final class Ports: Sendable {
    private let (stream, continuation) = AsyncStream<Int>.makeStream()

    func add(_ port: Int) { self.continuation.yield(port) }

    func next() async -> Int? {
        await self.stream.first { _ in true }
    }
}

/// The services of `signet-example-services` in this process, on a time that the test moves.
@Suite("An hour of rotation", .timeLimit(.minutes(5)))
struct HourOfRotationTests {
    /// One service: its Workload API and its identity.
    private struct Workload: Sendable {
        let path: String
        let api: TestWorkloadAPI
        let source: X509Source

        /// Gives it a new X509-SVID of a minute, and waits until it has that.
        func rotate() async throws {
            let before = try self.source.current().svid.certificatesDER
            try self.api.grant(self.path, lifetime: .seconds(60))
            for await state in self.source.updates() {
                if case .success(let identity) = state, identity.svid.certificatesDER != before { return }
            }
            throw CancellationError()
        }
    }

    private func with(_ path: String, of ca: TestCA, _ body: (Workload) async throws -> Void) async throws {
        try await withTestWorkloadAPI(ca) { api async throws in
            try api.grant(path, lifetime: .seconds(60))
            try await withX509Source(client: api.client, logger: ExampleTests.quiet) { source async throws in
                try await body(Workload(path: path, api: api, source: source))
            }
        }
    }

    /// Runs the services of the example while `body` orders.
    private func withServices(
        _ ca: TestCA, payments: Workload, orders: Workload, customer: Workload,
        _ body: (Customer) async throws -> Void
    ) async throws {
        let ports = Ports()
        let server = PaymentsServer(
            source: payments.source, policy: .exactly(try ca.id(orders.path)), now: ca.time.clock
        ) { ports.add($0) }
        try await self.running([server]) {
            let port = await ports.next() ?? 0
            let client = try PaymentsClient(
                port: port, source: orders.source,
                policy: .exactly(try ca.id(payments.path)), connectionSeconds: 1, now: ca.time.clock)
            let application = OrdersServer.application(
                source: orders.source, policy: .exactly(try ca.id(customer.path)), payments: client, now: ca.time.clock
            ) { ports.add($0) }
            try await self.running([client, application]) {
                let port = await ports.next() ?? 0
                try await Customer.with(
                    port: port, source: customer.source,
                    policy: .exactly(try ca.id(orders.path)), usesPerConnection: 2, now: ca.time.clock
                ) { try await body($0) }
            }
        }
    }

    /// Runs services beside `body`, and ends them as SIGTERM would.
    private func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: services, logger: ExampleTests.quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            do {
                try await body()
                await group.triggerGracefulShutdown()
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            try await tasks.waitForAll()
        }
    }

    /// A handshake may take longer than two seconds of this time take here: what is replaced has to live on for a bit.
    @Test("in which all SVIDs are replaced every two seconds, and none lives longer than a minute: no request fails")
    func hour() async throws {
        let ca = try await TestCA(trustDomain: "example.org")
        let start = ca.time.now
        var customers: Set<String> = []
        var payers: Set<String> = []
        try await self.with("/payments", of: ca) { payments async throws in
            try await self.with("/orders", of: ca) { orders async throws in
                try await self.with("/customer", of: ca) { customer async throws in
                    try await self.withServices(ca, payments: payments, orders: orders, customer: customer) {
                        shop async throws in
                        for rotation in 1...1_800 {
                            // Under way while everything is replaced.
                            async let meanwhile = shop.order(rotation)
                            ca.time.advance(by: .seconds(2))
                            for workload in [payments, orders, customer] { try await workload.rotate() }
                            let confirmations = [try await meanwhile, try await shop.order(rotation)]
                            for confirmation in confirmations {
                                #expect(confirmation.order == rotation)
                                #expect(confirmation.customer == "spiffe://example.org/customer")
                                #expect(confirmation.payer == "spiffe://example.org/orders")
                                customers.insert(confirmation.customerCertificate)
                                payers.insert(confirmation.payerCertificate)
                            }
                        }
                    }
                }
            }
        }
        #expect(ca.time.now.timeIntervalSince(start) == 3_600)
        // A connection takes two orders, so nearly every certificate is seen; calls of gRPC share one for a second.
        #expect(customers.count >= 900)
        #expect(payers.count >= 2)
    }
}
