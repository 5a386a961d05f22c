import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SPIFFE
import SPIFFEGRPC
import SPIFFETLS
import TestSupport
import Testing

@Suite("gRPC between workloads", .timeLimit(.minutes(1)))
struct GRPCTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    /// Serves as `payments` while `body` runs.
    private func withServer(
        _ policy: PeerPolicy? = nil, connectionAge: ConnectionAge? = nil, seen: Recorded<String> = Recorded(),
        credentials: Recorded<[String]> = Recorded(),
        presentations: Recorded<UnverifiedWITPresentation?> = Recorded(),
        refused: Recorded<SPIFFETLSError> = Recorded(), _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let transport = SPIFFEServerTransport(
            address: .ipv4(host: "127.0.0.1", port: 0), source: self.fixture.payments,
            policy: policy ?? .exactly(Fixture.orders), connectionAge: connectionAge,
            onRefusedIdentity: { refused.append($0) })
        let service = WhoAmI(seen: seen, credentials: credentials, presentations: presentations)
        try await withGRPCServer(transport: transport, services: [service]) { _ in
            try await body(try #require(try await transport.listeningAddress.ipv4).port)
        }
    }

    private func withClient(
        _ port: Int, _ source: any X509SVIDSource, _ policy: PeerPolicy = .exactly(Fixture.payments),
        connectionAge: ConnectionAge? = nil,
        _ body: (GRPCClient<SPIFFEClientTransport>) async throws -> Void
    ) async throws {
        try await withGRPCClient(
            transport: .spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: source, policy: policy,
                connectionAge: connectionAge)
        ) { try await body($0) }
    }

    private func ask(
        _ client: GRPCClient<SPIFFEClientTransport>, timeout: Duration = .seconds(10), waitForReady: Bool = true
    ) async throws -> String {
        var options = CallOptions.defaults
        options.timeout = timeout
        options.waitForReady = waitForReady
        return try await client.unary(
            request: ClientRequest(message: "who am I"), descriptor: WhoAmI.method, serializer: Text(),
            deserializer: Text(), options: options
        ) { try $0.message }
    }

    @Test("each side knows the other by SPIFFE ID, and a call says who makes it")
    func peers() async throws {
        try await self.withServer { port async throws in
            try await self.withClient(port, self.fixture.orders) { client async throws in
                #expect(try await self.ask(client) == Fixture.orders.uri)
            }
        }
    }

    @Test("JWT-26: a JWT-SVID travels as the one authorization of a call's metadata")
    func token() async throws {
        let svid = try JWTSVID(
            receivedFromWorkloadAPI: self.fixture.authority.jwt(sub: Fixture.orders.uri, aud: ["payments"]))
        let credentials = Recorded<[String]>()
        try await self.withServer(credentials: credentials) { port async throws in
            let transport = try SPIFFEClientTransport.spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: self.fixture.orders,
                policy: .exactly(Fixture.payments))
            try await withGRPCClient(transport: transport, interceptors: [JWTSVIDInterceptor { svid }]) {
                client async throws in
                let answer = try await client.unary(
                    request: ClientRequest(message: "who am I", metadata: ["authorization": "Bearer stale"]),
                    descriptor: WhoAmI.method, serializer: Text(), deserializer: Text(), options: .defaults
                ) { try $0.message }
                #expect(answer == Fixture.orders.uri)
            }
        }
        #expect(credentials.values == [["Bearer \(svid.token)"]])
    }

    @Test(
        "JWT-26: a call for which there is no JWT-SVID, or no WIT-SVID, is not made, and may be repeated",
        arguments: [
            (JWTSVIDInterceptor { throw NoIdentity.Missing() }, .unavailable),
            (WITSVIDInterceptor(origin: "https://a") { _ in throw NoIdentity.Missing() }, .unavailable),
            (WITSVIDInterceptor(origin: "http://a") { _ in throw NoIdentity.Missing() }, .failedPrecondition),
        ] as [(any ClientInterceptor, RPCError.Code)])
    func noToken(interceptor: any ClientInterceptor, code: RPCError.Code) async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { port async throws in
            let transport = try SPIFFEClientTransport.spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: self.fixture.orders,
                policy: .exactly(Fixture.payments))
            try await withGRPCClient(transport: transport, interceptors: [interceptor]) { client async throws in
                let error = await #expect(throws: RPCError.self) { try await self.ask(client) }
                #expect(error?.code == code)
            }
        }
        #expect(seen.values == [])
    }

    @Test("WIT-42, WIT-44: a WIT-SVID travels with a proof for the method that is called")
    func proof() async throws {
        let authority = self.fixture.authority
        let svid = try authority.witSVID(id: "spiffe://example.org/batch")
        let token = try JWTSVID(receivedFromWorkloadAPI: authority.jwt(sub: Fixture.orders.uri, aud: ["payments"]))
        let presentations = Recorded<UnverifiedWITPresentation?>()
        try await self.withServer(presentations: presentations) { port async throws in
            let interceptors: [any ClientInterceptor] = [
                JWTSVIDInterceptor { token },
                WITSVIDInterceptor(origin: "https://payments.example.org") {
                    try svid.presentation(for: $0, now: authority.now)
                },
            ]
            for interceptors in [interceptors, []] {
                let transport = try SPIFFEClientTransport.spiffe(
                    target: .ipv4(address: "127.0.0.1", port: port), source: self.fixture.orders,
                    policy: .exactly(Fixture.payments))
                try await withGRPCClient(transport: transport, interceptors: interceptors) { client async throws in
                    #expect(try await self.ask(client) == Fixture.orders.uri)
                }
            }
        }
        #expect(presentations.values.map { $0 == nil } == [false, true])
        let bundles = TrustBundles([authority.bundleWithWIT])
        let presentation = try #require(presentations.values[0])
        let target = "https://payments.example.org/test.WhoAmI/Ask"
        #expect(try presentation.validate(target: target, bundles: bundles, now: authority.now).id == svid.id)
        #expect(throws: WITSVIDError.proof(.audienceMismatch(expected: target + "s"))) {
            try presentation.validate(target: target + "s", bundles: bundles, now: authority.now)
        }
    }

    @Test("WIT-45: a proof covers the transaction token of a call, on either side")
    func transactionToken() async throws {
        let authority = self.fixture.authority
        let svid = try authority.witSVID(id: "spiffe://example.org/batch")
        let presentations = Recorded<UnverifiedWITPresentation?>()
        let scopes = Recorded<WorkloadProofScope>()
        let origin = "https://payments.example.org"
        try await self.withServer(presentations: presentations) { port async throws in
            let transport = try SPIFFEClientTransport.spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: self.fixture.orders,
                policy: .exactly(Fixture.payments))
            let interceptor = WITSVIDInterceptor(origin: origin) { scope in
                scopes.append(scope)
                return try svid.presentation(for: scope, now: authority.now)
            }
            try await withGRPCClient(transport: transport, interceptors: [interceptor]) { client async throws in
                _ = try await client.unary(
                    request: ClientRequest(message: "who am I", metadata: ["txn-token": "t"]),
                    descriptor: WhoAmI.method, serializer: Text(), deserializer: Text(), options: .defaults
                ) { try $0.message }
            }
        }
        let target = "\(origin)/test.WhoAmI/Ask"
        let scope = try WorkloadProofScope(target: target, transactionToken: "t")
        #expect(scopes.values == [scope])
        let bundles = TrustBundles([authority.bundleWithWIT])
        let received = try #require(presentations.values[0])
        #expect(try received.validate(target: target, bundles: bundles, now: authority.now).id == svid.id)
        // Of a peer that conforms, with another token put in the place of its own.
        let made = try svid.presentation(for: scope, now: authority.now)
        let metadata: Metadata = [
            "workload-identity-token": "\(made.identityToken)", "workload-proof-token": "\(made.proofToken)",
            "txn-token": "other",
        ]
        #expect(throws: WITSVIDError.proof(.transactionTokenHashMismatch)) {
            try metadata.witPresentation?.validate(target: target, bundles: bundles, now: authority.now)
        }
    }

    @Test("a server's SVID that TLS cannot use is said once, and the last good one goes on serving")
    func unusableServerIdentity() async throws {
        let refused = Recorded<SPIFFETLSError>()
        try await self.withServer(refused: refused) { port async throws in
            for _ in 1...3 {
                try await self.withClient(port, self.fixture.orders) { client async throws in
                    #expect(try await self.ask(client) == Fixture.orders.uri)
                }
                if refused.values.isEmpty { try self.fixture.spoil(self.fixture.payments) }
            }
        }
        #expect(refused.values == [.identityUnusable(Fixture.payments)])
    }

    @Test("a client's SVID that TLS cannot use is said once, and the last good one goes on calling")
    func unusableClientIdentity() async throws {
        let refused = Recorded<SPIFFETLSError>()
        let orders = AskedSource(self.fixture.orders)
        try await self.withServer { port async throws in
            let transport = try SPIFFEClientTransport.spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: orders, policy: .exactly(Fixture.payments),
                connectionAge: ConnectionAge(maximum: .milliseconds(20)), onRefusedIdentity: { refused.append($0) })
            try await withGRPCClient(transport: transport) { client async throws in
                #expect(try await self.ask(client) == Fixture.orders.uri)
                try self.fixture.spoil(self.fixture.orders)
                // Two connections more, and what was under way.
                let asked = orders.asked
                _ = await orders.questions.first { $0 == asked + 6 }
                #expect(try await self.ask(client) == Fixture.orders.uri)
            }
        }
        #expect(refused.values == [.identityUnusable(Fixture.orders)])
    }

    @Test("calls of several peers at once are each told their own")
    func several() async throws {
        try await self.withServer(.memberOf(self.fixture.authority.trustDomain)) { port async throws in
            try await self.withClient(port, self.fixture.orders) { orders async throws in
                try await self.withClient(port, self.fixture.payments) { payments async throws in
                    for _ in 1...5 {
                        async let first = self.ask(orders)
                        async let second = self.ask(payments)
                        #expect(try await first == Fixture.orders.uri)
                        #expect(try await second == Fixture.payments.uri)
                    }
                }
            }
        }
    }

    @Test("a server with another SPIFFE ID is called by nobody")
    func wrongServer() async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { port async throws in
            try await self.withClient(port, self.fixture.orders, .exactly(id("spiffe://example.org/other"))) {
                client async throws in
                await #expect(throws: RPCError.self) { try await self.ask(client, timeout: .milliseconds(500)) }
            }
        }
        #expect(seen.values == [])
    }

    @Test("a client that another authority vouches for, or that the policy does not name, is not heard")
    func wrongClients() async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { port async throws in
            for source in [self.fixture.impostor, self.fixture.payments] {
                try await self.withClient(port, source) { client async throws in
                    await #expect(throws: RPCError.self) { try await self.ask(client, timeout: .milliseconds(500)) }
                }
            }
        }
        #expect(seen.values == [])
    }

    @Test("SVIDs rotate under traffic without a failed call, on both sides")
    func rotation() async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { port async throws in
            for _ in 1...10 {
                try self.fixture.rotate()
                try await self.withClient(port, self.fixture.orders) { client async throws in
                    for _ in 1...10 { #expect(try await self.ask(client) == Fixture.orders.uri) }
                }
            }
        }
        #expect(seen.values.count == 100)
        #expect(Set(seen.values).count == 10)
    }

    @Test("a connection that is too old is closed, and the next one has the new identity")
    func age() async throws {
        let seen = Recorded<String>()
        let age = ConnectionAge(maximum: .milliseconds(50), grace: .seconds(5))
        try await self.withServer(connectionAge: age, seen: seen) { port async throws in
            try await self.withClient(port, self.fixture.orders) { client async throws in
                // A call that meets the end of its connection is refused unread, and is for the caller to repeat.
                while seen.values.isEmpty {
                    try Task.checkCancellation()
                    _ = try? await self.ask(client)
                }
                try self.fixture.rotate()
                while Set(seen.values).count < 2 {
                    try Task.checkCancellation()
                    _ = try? await self.ask(client)
                }
            }
        }
    }

    @Test("a client's connections are replaced at an age, and calls that do not wait for connections never fail")
    func clientAge() async throws {
        let seen = Recorded<String>()
        let age = ConnectionAge(maximum: .milliseconds(20), grace: .seconds(5))
        try await self.withServer(seen: seen) { port async throws in
            try await self.withClient(port, self.fixture.orders, connectionAge: age) { client async throws in
                #expect(try await self.ask(client) == Fixture.orders.uri)
                for identities in 2...20 {
                    try self.fixture.rotate()
                    try await withThrowingDiscardingTaskGroup { group in
                        for _ in 1...4 {
                            group.addTask { () async throws in
                                while Set(seen.values).count < identities {
                                    #expect(try await self.ask(client, waitForReady: false) == Fixture.orders.uri)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("when a server ends a connection, calls begin on another one at once, and a stream of the old one goes on")
    func goAway() async throws {
        let seen = Recorded<String>()
        let orders = AskedSource(self.fixture.orders)
        let age = ConnectionAge(maximum: .seconds(2), grace: .seconds(20))
        try await self.withServer(connectionAge: age, seen: seen) { port async throws in
            try await self.withClient(port, orders) { client async throws in
                #expect(try await self.ask(client) == Fixture.orders.uri)
                let request = StreamingClientRequest<String> { writer in
                    try await writer.write("first")
                    try self.fixture.rotate()
                    // This stream keeps the connection that is to end; the next one is made meanwhile.
                    // A connection asks for its certificate, and for the bundles that its peer is judged by.
                    _ = await orders.questions.first { $0 == 3 }
                    #expect(try await self.ask(client, waitForReady: true) == Fixture.orders.uri)
                    try await writer.write("second")
                }
                let answers = try await client.bidirectionalStreaming(
                    request: request, descriptor: WhoAmI.echo, serializer: Text(), deserializer: Text(),
                    options: .defaults
                ) { response in
                    try await response.messages.reduce(into: []) { $0.append($1) }
                }
                #expect(answers == ["first", "second"])
                #expect(Set(seen.values).count == 2)
            }
        }
    }
}

/// Answers with the SPIFFE ID of who asks.
struct WhoAmI: RegistrableRPCService {
    static let method = MethodDescriptor(fullyQualifiedService: "test.WhoAmI", method: "Ask")
    static let echo = MethodDescriptor(fullyQualifiedService: "test.WhoAmI", method: "Echo")

    let seen: Recorded<String>
    var credentials = Recorded<[String]>()
    var presentations = Recorded<UnverifiedWITPresentation?>()

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(forMethod: Self.method, deserializer: Text(), serializer: Text()) { request, context in
            self.presentations.append(request.metadata.witPresentation)
            self.credentials.append(Array(request.metadata[stringValues: "authorization"]))
            self.seen.append(context.spiffePeer?.serialNumber ?? "")
            let answer = context.spiffePeer?.id.uri ?? "nobody"
            return StreamingServerResponse { writer in
                try await writer.write(answer)
                return [:]
            }
        }
        router.registerHandler(forMethod: Self.echo, deserializer: Text(), serializer: Text()) { request, _ in
            StreamingServerResponse { writer in
                for try await message in request.messages { try await writer.write(message) }
                return [:]
            }
        }
    }
}

/// Text as it is.
struct Text: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: String) throws -> Bytes {
        Bytes(message.utf8)
    }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> String {
        unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
