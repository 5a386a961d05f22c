import FoundationEssentials
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Rotation
import SPIFFE
import SPIFFEGRPC
import SPIFFETLS
import TestSupport
import Testing

@Suite("The ages of a gRPC client's connections", .timeLimit(.minutes(1)))
struct ClientConnectionsTests {
    private static let age = ConnectionAge(maximum: .seconds(60), grace: .seconds(5))

    private let fixture: Fixture
    private let time = ManualInstants()

    init() throws {
        self.fixture = try Fixture()
    }

    /// Calls as `orders` what `payments` serves, while `body` runs.
    private func withCalls(
        server: any X509SVIDSource, seen: Recorded<String>,
        _ body: @Sendable (GRPCClient<SPIFFEClientTransport>) async throws -> Void
    ) async throws {
        let serving = SPIFFEServerTransport(
            address: .ipv4(host: "127.0.0.1", port: 0), source: server, policy: .exactly(Fixture.orders))
        try await withGRPCServer(transport: serving, services: [WhoAmI(seen: seen)]) { _ in
            let port = try #require(try await serving.listeningAddress.ipv4).port
            let tls = SPIFFETLSContexts(
                source: self.fixture.orders, policy: .exactly(Fixture.payments), applicationProtocols: ["h2"])
            let calling = try SPIFFEClientTransport(
                tls: tls, target: .ipv4(address: "127.0.0.1", port: port), connectionAge: Self.age,
                config: .defaults {
                    $0.backoff.initial = .milliseconds(1)
                    $0.backoff.max = .milliseconds(10)
                }, instants: self.time.instants
            ) { NoChance() }
            try await withGRPCClient(transport: calling) { try await body($0) }
        }
    }

    private func ask(_ client: GRPCClient<SPIFFEClientTransport>, waitForReady: Bool = false) async throws {
        var options = CallOptions.defaults
        options.waitForReady = waitForReady
        let answer = try await client.unary(
            request: ClientRequest(message: "who am I"), descriptor: WhoAmI.method, serializer: Text(),
            deserializer: Text(), options: options
        ) { try $0.message }
        #expect(answer == Fixture.orders.uri)
    }

    /// Why a call fails; nil when it does not.
    private func failure(of client: GRPCClient<SPIFFEClientTransport>) async -> RPCError.Code? {
        do {
            try await self.ask(client)
            return nil
        } catch {
            return (error as? RPCError)?.code
        }
    }

    @Test("calls go on on the old connection while the server does not accept the next one")
    func unaccepted() async throws {
        let (own, other) = (self.fixture.authority, try TestAuthority(trustDomain: "example.org", now: Date()))
        let server = AskedSource(self.fixture.payments)
        let seen = Recorded<String>()
        try await self.withCalls(server: server, seen: seen) { client async throws in
            try await self.ask(client, waitForReady: true)
            let svid = try other.x509SVID(id: Fixture.orders.uri)
            self.fixture.orders.rotate(to: X509Identity(svid: svid, bundles: TrustBundles([own.bundle])))
            try await self.time.waitForSleepers(1)
            self.time.advance(by: Self.age.maximum)
            // The server asks for its certificate and for the bundles that it judges by: after three more connections
            // the client knows that the first of them was refused.
            _ = await server.questions.first { $0 == 8 }
            for _ in 1...10 { try await self.ask(client) }
            #expect(Set(seen.values).count == 1)

            let both = TrustBundle(
                trustDomain: own.trustDomain,
                x509Authorities: own.bundle.x509Authorities + other.bundle.x509Authorities, jwtAuthorities: [],
                sequenceNumber: 2, refreshHint: nil)
            let payments = try own.x509SVID(id: Fixture.payments.uri)
            self.fixture.payments.rotate(to: X509Identity(svid: payments, bundles: TrustBundles([both])))
            while Set(seen.values).count < 2 { try await self.ask(client) }
        }
    }

    @Test("a call that is on the old connection when its grace is over fails, and no other does")
    func grace() async throws {
        let seen = Recorded<String>()
        try await self.withCalls(server: self.fixture.payments, seen: seen) { client async throws in
            try await self.ask(client, waitForReady: true)
            let (messages, message) = AsyncStream<String>.makeStream()
            let request = StreamingClientRequest<String> { writer in
                for await message in messages { try await writer.write(message) }
            }
            try await client.bidirectionalStreaming(
                request: request, descriptor: WhoAmI.echo, serializer: Text(), deserializer: Text(),
                options: .defaults
            ) { response in
                var answers = response.messages.makeAsyncIterator()
                message.yield("before")
                #expect(try await answers.next() == "before")
                try self.fixture.rotate()
                try await self.time.waitForSleepers(1)
                self.time.advance(by: Self.age.maximum)
                while Set(seen.values).count < 2 { try await self.ask(client) }
                message.yield("after")
                #expect(try await answers.next() == "after")
                // The age of the new connection and the grace of the old one.
                try await self.time.waitForSleepers(2)
                self.time.advance(by: Self.age.grace)
                await #expect(throws: RPCError.self) { try await answers.next() }
                try await self.ask(client)
                message.finish()
            }
        }
    }

    @Test("a connection whose successor cannot be made stays, and another attempt is made")
    func unmade() async throws {
        struct Failed: Error {}
        let made = Recorded<Bool>()
        let transport = try SPIFFEClientTransport(
            connectionAge: Self.age, instants: self.time.instants, makeGenerator: { NoChance() }
        ) { onAccepted in
            made.append(onAccepted != nil)
            if made.values.count == 2 { throw Failed() }
            return try HTTP2ClientTransport.Posix(
                target: .ipv4(address: "127.0.0.1", port: 1), transportSecurity: .plaintext)
        }
        try await withGRPCClient(transport: transport) { _ in
            try await self.time.waitForSleepers(1)
            self.time.advance(by: Self.age.maximum)
            try await self.time.waitForSleepers(1)
            #expect(made.values == [false, true])
            self.time.advance(by: SPIFFEClientTransport.successorPause)
            try await waitUntil { made.values.count == 3 }
        }
        #expect(made.values == [false, true, true])
    }

    @Test("a call to a server that is away, which does not wait for connections, begins five times in 150 ms")
    func away() async throws {
        let transport = try SPIFFEClientTransport(
            tls: SPIFFETLSContexts(source: self.fixture.orders, policy: .exactly(Fixture.payments)),
            target: .ipv4(address: "127.0.0.1", port: 1), connectionAge: nil, instants: self.time.instants
        ) { NoChance() }
        try await withGRPCClient(transport: transport) { client async throws in
            async let failure = self.failure(of: client)
            for pause in [10, 20, 40, 80] {
                try await self.time.waitForSleepers(1)
                #expect(self.time.nextDeadline == self.time.now.addingTimeInterval(Double(pause) / 1_000))
                self.time.advance(by: .milliseconds(pause))
            }
            let code = await failure
            #expect(code == .unavailable)
        }
    }
}

/// Leaves nothing to chance: an age is the longest that it may be.
private struct NoChance: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0 }
}
