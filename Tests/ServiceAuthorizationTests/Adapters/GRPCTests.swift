import AccessTokens
import AuthorizationGRPC
import AuthorizationOAuth
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Rotation
import SPIFFE
import SPIFFEGRPC
import SPIFFETLS
import ServiceAuthorization
import TestSupport
import Testing
import WorkloadAPI

@Suite("Methods that demand tokens", .timeLimit(.minutes(1)))
struct GRPCTests {
    private let services: TestServices
    private let seen = Recorded<String>()
    /// Opened when the method that only answers may go on.
    private let gate = Watched(false)

    init() throws {
        self.services = try TestServices()
    }

    /// Serves as `payments` over mutual TLS while `body` runs.
    private func withServer(_ body: (_ port: Int) async throws -> Void) async throws {
        let transport = SPIFFEServerTransport(
            address: .ipv4(host: "127.0.0.1", port: 0), source: self.services.payments,
            policy: .memberOf(self.services.policy))
        let authorization = AuthorizationInterceptor(
            validator: self.services.validator,
            rules: [
                Payments.create: RouteRule(.all(ScopeSet(literal: ["payments:create"]))),
                Payments.watch: RouteRule(.all(ScopeSet(literal: ["payments:create"]))),
                Payments.feed: RouteRule(.all(ScopeSet(literal: ["payments:create"]))),
                Payments.collect: RouteRule(.all(ScopeSet(literal: ["payments:create"]))),
                Payments.revoke: RouteRule(.all(ScopeSet(literal: ["payments:create"]))),
                Payments.old: RouteRule(.all(ScopeSet(literal: ["payments:create"])), mode: .observe),
            ],
            exempt: [Payments.health, Payments.create])
        try await withGRPCServer(
            transport: transport, services: [Payments(seen: self.seen, gate: self.gate, issuer: self.services.issuer)],
            interceptors: [authorization]
        ) { _ in
            try await body(try #require(try await transport.listeningAddress.ipv4).port)
        }
    }

    private func withClient(
        _ port: Int, as source: TestServices.Identity? = nil, interceptors: [any ClientInterceptor] = [],
        _ body: (GRPCClient<SPIFFEClientTransport>) async throws -> Void
    ) async throws {
        try await withGRPCClient(
            transport: .spiffe(
                target: .ipv4(address: "127.0.0.1", port: port), source: source ?? self.services.orders,
                policy: .memberOf(self.services.policy)),
            interceptors: interceptors
        ) { try await body($0) }
    }

    private func call(
        _ client: GRPCClient<SPIFFEClientTransport>, _ method: MethodDescriptor, authorization: [String] = []
    ) async throws -> String {
        var options = CallOptions.defaults
        options.waitForReady = true
        options.timeout = .seconds(10)
        var metadata = Metadata()
        for value in authorization { metadata.addString(value, forKey: "authorization") }
        return try await client.unary(
            request: ClientRequest(message: "", metadata: metadata), descriptor: method, serializer: Words(),
            deserializer: Words(), options: options
        ) { try $0.message }
    }

    /// Asks twice on one stream; between the two something is revoked.
    private func watchUntilRevoked(
        _ client: GRPCClient<SPIFFEClientTransport>, metadata: Metadata, _ target: Revocation.Target
    ) async throws {
        let request = StreamingClientRequest(of: String.self, metadata: metadata) { writer in
            try await writer.write("one")
            for await isOpen in self.gate.updates() where isOpen { break }
            try await writer.write("two")
        }
        try await client.bidirectionalStreaming(
            request: request, descriptor: Payments.watch, serializer: Words(), deserializer: Words(), options: .defaults
        ) { response in
            for try await message in response.messages {
                #expect(message == TestIssuer.orders)
                try self.services.issuer.publish([self.services.issuer.revocation(target)])
                self.gate.publish(true)
            }
        }
    }

    /// The code and the details of a call that is refused.
    private func refusal(
        _ port: Int, _ method: MethodDescriptor, as source: TestServices.Identity? = nil, authorization: [String] = []
    ) async throws -> Refusal {
        let found = Recorded<Refusal>()
        try await self.withClient(port, as: source) { client async throws in
            do {
                _ = try await self.call(client, method, authorization: authorization)
                Issue.record("the call was not refused")
            } catch let error as RPCError {
                let info = try error.unpackGoogleRPCStatus()?.details.compactMap(\.errorInfo).first
                found.append(
                    Refusal(
                        code: error.code, reason: info?.reason, scope: info?.metadata["scope"], domain: info?.domain))
            }
        }
        return try #require(found.values.first)
    }

    private struct Refusal: Equatable {
        let code: RPCError.Code
        let reason: String?
        var scope: String?
        var domain: String? = "signet.authorization"
    }

    @Test("a call with the right token is handled, and both halves of the handler know the caller")
    func accepted() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                #expect(try await self.call(client, Payments.create, authorization: [bearer]) == TestIssuer.orders)
            }
        }
        #expect(self.seen.values == [TestIssuer.orders])
        #expect(self.services.audit.events.values.map(\.route) == ["test.Payments/Create"])
    }

    @Test("UNAUTHENTICATED says why: no token, two, of another peer, for another service, revoked")
    func unauthenticated() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        let other = "Bearer " + (try issuer.token(audience: TestServices.refunds))
        try await self.withServer { port async throws in
            func refusal(_ authorization: String..., as source: TestServices.Identity? = nil) async throws -> Refusal {
                try await self.refusal(port, Payments.create, as: source, authorization: authorization)
            }
            #expect(try await refusal() == Refusal(code: .unauthenticated, reason: "missing_token"))
            #expect(
                try await refusal(bearer, bearer) == Refusal(code: .unauthenticated, reason: "malformed_request"))
            #expect(
                try await refusal(bearer, as: self.services.thief)
                    == Refusal(code: .unauthenticated, reason: "access_token.peer_mismatch"))
            #expect(
                try await refusal(other)
                    == Refusal(code: .unauthenticated, reason: "access_token.audience_mismatch"))
            try issuer.publish([issuer.revocation(.token("t-1"))])
            #expect(
                try await refusal(bearer) == Refusal(code: .unauthenticated, reason: "access_token.revoked"))
        }
        #expect(self.seen.values == [])
    }

    @Test("PERMISSION_DENIED names the scopes that are needed; UNAVAILABLE is for a state that is too old")
    func denied() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token(scope: "payments:read"))
        try await self.withServer { port async throws in
            #expect(
                try await self.refusal(port, Payments.create, authorization: [bearer])
                    == Refusal(
                        code: .permissionDenied, reason: "access_token.insufficient_scope", scope: "payments:create"))
            let right = "Bearer " + (try self.services.issuer.token())
            self.services.issuer.time.advance(by: .seconds(31))
            #expect(
                try await self.refusal(port, Payments.create, authorization: [right])
                    == Refusal(code: .unavailable, reason: "state_too_old"))
        }
        #expect(self.seen.values == [])
    }

    @Test("a method without a rule refuses the best of tokens; what is exempt demands nothing")
    func rules() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer { port async throws in
            #expect(
                try await self.refusal(port, Payments.forgotten, authorization: [bearer])
                    == Refusal(code: .permissionDenied, reason: "no_rule"))
            try await self.withClient(port) { client async throws in
                #expect(try await self.call(client, Payments.health) == "nobody")
                #expect(try await self.call(client, Payments.old) == "nobody")
            }
            // Named as exempt and with a rule: the rule counts.
            #expect(try await self.refusal(port, Payments.create).reason == "missing_token")
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.refused, .observed, .refused])
        #expect(self.services.audit.events.values.map(\.route).first == "no route")
    }

    @Test("a stream ends with the next message after its token is revoked")
    func stream() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                let error = await #expect(throws: RPCError.self) {
                    try await self.watchUntilRevoked(
                        client, metadata: ["authorization": .string(bearer)], .token("t-1"))
                }
                #expect(error?.code == .unauthenticated)
            }
        }
        #expect(self.services.audit.events.values.map(\.reason) == [nil, "access_token.revoked"])
        #expect(self.seen.values == ["one"])
    }

    @Test("a stream that only answers ends before the next message, once its token is revoked")
    func answersOnly() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                let error = await #expect(throws: RPCError.self) {
                    try await client.serverStreaming(
                        request: ClientRequest(message: "", metadata: ["authorization": .string(bearer)]),
                        descriptor: Payments.feed, serializer: Words(), deserializer: Words(), options: .defaults
                    ) { response in
                        for try await message in response.messages {
                            #expect(message == "first by \(TestIssuer.orders)")
                            try issuer.publish([issuer.revocation(.token("t-1"))])
                            self.gate.publish(true)
                        }
                    }
                }
                #expect(error?.code == .unauthenticated)
            }
        }
        #expect(self.seen.values == ["first"])
    }

    @Test("a stream that only asks ends before the next message, once its token is revoked")
    func asksOnly() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                let request = StreamingClientRequest(
                    of: String.self, metadata: ["authorization": .string(bearer)]
                ) { writer in
                    try await writer.write("one")
                    for await isOpen in self.gate.updates() where isOpen { break }
                    try issuer.publish([issuer.revocation(.token("t-1"))])
                    try await writer.write("two")
                }
                let error = await #expect(throws: RPCError.self) {
                    try await client.clientStreaming(
                        request: request, descriptor: Payments.collect, serializer: Words(), deserializer: Words(),
                        options: .defaults
                    ) { try $0.message }
                }
                #expect(error?.code == .unauthenticated)
            }
        }
        #expect(self.seen.values == ["one"])
    }

    @Test("a client whose issuer denies the token is PERMISSION_DENIED, whichever issuer it is; nothing is sent")
    func denials() async throws {
        struct Denied: TokenIssuerError { let isDenial: Bool }
        struct Denying: AccessTokenIssuer {
            let error: any Error

            func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken { throw self.error }
        }
        try await self.withServer { port async throws in
            for (error, code) in [
                (WorkloadAPIError.permissionDenied("no grant"), .permissionDenied),
                (WorkloadAPIError.unavailable("away"), .unavailable),
                (Denied(isDenial: true), .permissionDenied), (Denied(isDenial: false), .unavailable),
            ] as [(any Error, RPCError.Code)] {
                let interceptor = AccessTokenInterceptor(
                    tokens: TokenSource(issuer: Denying(error: error)), for: TokenRequest(audience: TestIssuer.payments)
                )
                try await self.withClient(port, interceptors: [interceptor]) { client async throws in
                    let error = await #expect(throws: RPCError.self) { try await self.call(client, Payments.create) }
                    #expect(error?.code == code)
                }
            }
        }
        #expect(self.services.audit.events.values.isEmpty)
    }

    @Test("a stream on which nothing passes ends within a second after its token is revoked")
    func idleStream() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                var options = CallOptions.defaults
                options.waitForReady = true
                let (held, release) = AsyncStream<Void>.makeStream()
                let request = StreamingClientRequest(
                    of: String.self, metadata: ["authorization": .string(bearer)]
                ) { writer in
                    try await writer.write("one")
                    for await _ in held {}
                }
                let error = await #expect(throws: RPCError.self) {
                    try await client.bidirectionalStreaming(
                        request: request, descriptor: Payments.watch, serializer: Words(), deserializer: Words(),
                        options: options
                    ) { response in
                        defer { release.finish() }
                        for try await _ in response.messages {
                            try await issuer.time.waitForSleepers(1)
                            try issuer.publish([issuer.revocation(.token("t-1"))])
                            issuer.time.advance(by: .seconds(1))
                        }
                    }
                }
                #expect(error?.code == .unauthenticated)
            }
        }
        #expect(self.services.audit.events.values.map(\.reason) == [nil, "access_token.revoked"])
    }

    @Test("nothing of a token is in what callers are told, nor in the records")
    func redacted() async throws {
        let issuer = self.services.issuer
        let right = try issuer.token()
        let lines = Recorded<[UInt8]>()
        let told = Recorded<String>()
        try await self.withServer { port async throws in
            for token in [right, right + "A", try issuer.token(audience: "x"), String(right.dropFirst(3))] {
                for peer in [self.services.orders, self.services.thief] {
                    try await self.withClient(port, as: peer) { client async throws in
                        do {
                            _ = try await self.call(client, Payments.create, authorization: ["Bearer " + token])
                        } catch {
                            told.append("\(error) \((error as? RPCError)?.metadata.description ?? "")")
                        }
                    }
                }
            }
        }
        let audit = JSONLinesAudit { lines.append($0) }
        for event in self.services.audit.events.values { audit.record(event) }
        #expect(told.values.count == 7)
        #expect(lines.values.count == 8)
        let written = told.values.joined() + lines.values.map { String(decoding: $0, as: UTF8.self) }.joined()
        for part in right.split(separator: ".") {
            #expect(!written.contains(part.prefix(16)))
            #expect(!written.contains(part.suffix(16)))
        }
    }

    @Test("what a method has done it says, although the token was revoked meanwhile")
    func answered() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { port async throws in
            try await self.withClient(port) { client async throws in
                #expect(try await self.call(client, Payments.revoke, authorization: [bearer]) == "revoked")
            }
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.accepted])
    }

    @Test("a client sends the token of its service, whatever the metadata of a call says")
    func client() async throws {
        let token = try self.services.issuer.token()
        let request = TokenRequest(audience: TestIssuer.payments)
        try await self.withServer { port async throws in
            let right = AccessTokenInterceptor(tokens: self.services.tokens(token), for: request)
            try await self.withClient(port, interceptors: [right]) { client async throws in
                let answer = try await self.call(
                    client, Payments.create, authorization: ["Bearer of.something.else", "Basic b3JkZXJzOng="])
                #expect(answer == TestIssuer.orders)
            }
            let without = AccessTokenInterceptor(tokens: TokenSource(issuer: NoTokens()), for: request)
            try await self.withClient(port, interceptors: [without]) { client async throws in
                let error = await #expect(throws: RPCError.self) { try await self.call(client, Payments.create) }
                #expect(error?.code == .unavailable)
            }
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.accepted])
    }

    @Test("after UNAUTHENTICATED for its token a client sends another one, also where a stream was ended")
    func refusedToken() async throws {
        let issuer = self.services.issuer
        let tokens = TokenSource(
            issuer: ListedTokenIssuer(
                try issuer.token(id: "t-1"), try issuer.token(id: "t-2"), try issuer.token(id: "t-3"),
                time: issuer.time),
            instants: issuer.time.instants
        ) { SystemRandomNumberGenerator() }
        let attached = AccessTokenInterceptor(tokens: tokens, for: TokenRequest(audience: TestIssuer.payments))
        try issuer.publish([issuer.revocation(.token("t-1"))])
        try await self.withServer { port async throws in
            try await self.withClient(port, interceptors: [attached]) { client async throws in
                let error = await #expect(throws: RPCError.self) { try await self.call(client, Payments.create) }
                #expect(error?.code == .unauthenticated)
                #expect(try await self.call(client, Payments.create) == TestIssuer.orders)
                issuer.time.advance(by: .seconds(1))
                try issuer.publish()
                await #expect(throws: RPCError.self) {
                    try await self.watchUntilRevoked(client, metadata: [:], .key("at-1"))
                }
                try issuer.publish()
                #expect(try await self.call(client, Payments.create) == TestIssuer.orders)
            }
        }
        #expect(self.services.audit.events.values.first?.claims?.tokenID == "t-1")
        #expect(self.services.audit.events.values.last?.claims?.tokenID == "t-3")
    }

    @Test("a connection of an earlier certificate has another token fetched only where that one may be of use")
    func earlierCertificate() async throws {
        let request = TokenRequest(audience: TestIssuer.payments)
        let identity = try RotatingIdentity(self.services.authority)
        try await self.withServer { port async throws in
            for (source, calls) in [(identity, 1), (nil, 2)] {
                let issuer = BindingIssuer(issuer: self.services.issuer, identity: identity)
                let tokens = TokenSource(
                    issuer: issuer, identity: source, instants: self.services.issuer.time.instants
                ) { SystemRandomNumberGenerator() }
                let attached = AccessTokenInterceptor(tokens: tokens, for: request)
                try await self.withClient(port, interceptors: [attached]) { client async throws in
                    for _ in 1...2 {
                        let error = await #expect(throws: RPCError.self) {
                            try await self.call(client, Payments.create)
                        }
                        #expect(error?.code == .unauthenticated)
                    }
                }
                #expect(issuer.calls.values.count == calls)
            }
        }
        let reasons = self.services.audit.events.values.map(\.reason)
        #expect(reasons == Array(repeating: "access_token.certificate_mismatch", count: 4))
    }

    @Test(
        "without a token a call fails: PERMISSION_DENIED when the issuer says no, UNAVAILABLE when it does not answer",
        arguments: [
            (WorkloadAPIError.permissionDenied("no") as any Error, RPCError.Code.permissionDenied),
            (WorkloadAPIError.failed(status: 5, message: "no such service"), .permissionDenied),
            (OAuthClientError.refused(code: "invalid_scope", status: 400), .permissionDenied),
            (OAuthClientError.refused(code: "temporarily_unavailable", status: 503), .unavailable),
            (WorkloadAPIError.timedOut, .unavailable),
        ])
    func noToken(_ failure: any Error, _ code: RPCError.Code) async throws {
        let tokens = TokenSource(issuer: FailingTokenIssuer(error: failure))
        let interceptor = AccessTokenInterceptor(tokens: tokens, for: TokenRequest(audience: TestIssuer.payments))
        try await self.withServer { port async throws in
            try await self.withClient(port, interceptors: [interceptor]) { client async throws in
                let error = await #expect(throws: RPCError.self) { try await self.call(client, Payments.create) }
                #expect(error?.code == code)
            }
        }
    }
}

/// Answers each message with who calls.
private struct Payments: RegistrableRPCService {
    static let create = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Create")
    static let watch = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Watch")
    static let feed = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Feed")
    static let collect = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Collect")
    static let revoke = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Revoke")
    static let old = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Old")
    static let health = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Health")
    static let forgotten = MethodDescriptor(fullyQualifiedService: "test.Payments", method: "Forgotten")

    let seen: Recorded<String>
    let gate: Watched<Bool>
    let issuer: TestIssuer

    static var caller: String { AuthorizedCall.accessToken?.claims.subject.uri ?? "nobody" }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for method in [Self.create, Self.old, Self.health, Self.forgotten] {
            router.registerHandler(forMethod: method, deserializer: Words(), serializer: Words()) { _, _ in
                self.seen.append(Self.caller)
                return StreamingServerResponse { writer in
                    try await writer.write(Self.caller)
                    return [:]
                }
            }
        }
        router.registerHandler(forMethod: Self.feed, deserializer: Words(), serializer: Words()) { _, _ in
            StreamingServerResponse { writer in
                try await writer.write("first by \(Self.caller)")
                self.seen.append("first")
                for await isOpen in self.gate.updates() where isOpen { break }
                try await writer.write("second")
                self.seen.append("second")
                return [:]
            }
        }
        router.registerHandler(forMethod: Self.collect, deserializer: Words(), serializer: Words()) { request, _ in
            for try await message in request.messages {
                self.seen.append(message)
                self.gate.publish(true)
            }
            return StreamingServerResponse { writer in
                try await writer.write("done")
                return [:]
            }
        }
        router.registerHandler(forMethod: Self.revoke, deserializer: Words(), serializer: Words()) { _, _ in
            StreamingServerResponse { writer in
                try self.issuer.publish([self.issuer.revocation(.token("t-1"))])
                try await writer.write("revoked")
                return [:]
            }
        }
        router.registerHandler(
            forMethod: Self.watch, deserializer: Words(), serializer: Words()
        ) { request, _ in
            StreamingServerResponse { writer in
                for try await message in request.messages {
                    self.seen.append(message)
                    try await writer.write(Self.caller)
                }
                return [:]
            }
        }
    }
}

/// Text as it is.
private struct Words: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: String) throws -> Bytes { Bytes(message.utf8) }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> String {
        unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
