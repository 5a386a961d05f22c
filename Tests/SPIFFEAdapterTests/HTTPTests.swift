import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import SPIFFE
import SPIFFEHTTPClient
import SPIFFEHummingbird
import SPIFFETLS
import TestSupport
import Testing

@Suite("HTTP between workloads", .timeLimit(.minutes(1)))
struct HTTPTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Serves as `payments` while `body` runs.
    private func withServer(
        _ policy: PeerPolicy? = nil, minimumVersion: MinimumTLSVersion = .tlsv13, connectionAge: ConnectionAge? = nil,
        configuration: HTTP1Channel.Configuration = .init(), seen: Recorded<String> = Recorded(),
        refused: Recorded<SPIFFETLSError> = Recorded(), _ body: (_ url: String) async throws -> Void
    ) async throws {
        let router = Router(context: SPIFFERequestContext.self)
        router.get("whoami") { _, context in
            seen.append(context.peer?.serialNumber ?? "")
            return context.peer?.id.uri ?? "nobody"
        }
        router.get("tokens") { request, _ in
            let token = try BearerToken.token(authorization: request.headers[values: .authorization])
            let bundles = try self.fixture.payments.current().bundles
            return try JWTSVID.validate(
                token, audience: "payments", bundles: bundles, now: self.fixture.authority.now
            ).id.uri
        }
        router.get("proofs") { request, _ in
            let presentation = request.witPresentation
            return try presentation?.validate(
                target: "https://payments.example.org" + request.uri.path,
                bundles: TrustBundles([self.fixture.authority.bundleWithWIT]), now: self.fixture.authority.now
            ).id.uri ?? "nobody"
        }
        router.group("audits").add(middleware: PeerPolicyMiddleware(.exactly(id("spiffe://example.org/auditor"))))
            .get { _, _ in "secret" }
        let (ports, port) = AsyncStream<Int>.makeStream()
        let application = Application(
            router: router,
            server: .spiffe(
                source: self.fixture.payments, policy: policy ?? .exactly(Fixture.orders),
                minimumVersion: minimumVersion, connectionAge: connectionAge, configuration: configuration,
                onRefusedIdentity: { refused.append($0) }),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: Self.quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await application.run() }
            for await port in ports {
                try await body("https://127.0.0.1:\(port)")
                break
            }
            group.cancelAll()
        }
    }

    private func withClient(
        _ source: any X509SVIDSource, _ policy: PeerPolicy = .exactly(Fixture.payments),
        _ configuration: HTTPClient.Configuration = .init(), _ body: (SPIFFEHTTPClient) async throws -> Void
    ) async throws {
        try await withSPIFFEHTTPClient(source: source, policy: policy, configuration: configuration) { client in
            try await body(client)
        }
    }

    private func get(_ url: String, _ client: SPIFFEHTTPClient) async throws -> (status: UInt, body: String) {
        let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
        return (response.status.code, String(buffer: try await response.body.collect(upTo: 1_024)))
    }

    @Test("each side knows the other by SPIFFE ID, and a request says who sent it")
    func peers() async throws {
        try await self.withServer { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                let answer = try await self.get("\(url)/whoami", client)
                #expect(answer.status == 200 && answer.body == Fixture.orders.uri)
            }
        }
    }

    @Test("JWT-25: a JWT-SVID travels in the one Authorization field of a request")
    func token() async throws {
        let svid = try JWTSVID(
            receivedFromWorkloadAPI: self.fixture.authority.jwt(sub: "spiffe://example.org/batch", aud: ["payments"]))
        try await self.withServer { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                var request = HTTPClientRequest(url: "\(url)/tokens")
                request.headers.add(name: "authorization", value: "Bearer stale")
                try request.authorize(with: svid)
                let response = try await client.execute(request, timeout: .seconds(10))
                #expect(String(buffer: try await response.body.collect(upTo: 1_024)) == svid.id.uri)
            }
        }
    }

    @Test(
        "WIT-42, WIT-44: a WIT-SVID travels with its proof, in fields of their own; in Authorization it is nobody's",
        arguments: [false, true])
    func proof(_ hasBearerToken: Bool) async throws {
        let svid = try self.fixture.authority.witSVID(id: "spiffe://example.org/batch")
        try await self.withServer { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                let present = { (target: String, bearer: String?) async throws in
                    var request = HTTPClientRequest(url: target)
                    if let bearer { request.headers.add(name: "Authorization", value: "Bearer \(bearer)") }
                    try request.present { try svid.presentation(for: $0, now: self.fixture.authority.now) }
                    request.url = "\(url)/proofs?a=b"
                    return request
                }
                let send = { (request: HTTPClientRequest) async throws in
                    let response = try await client.execute(request, timeout: .seconds(10))
                    return (response.status.code, String(buffer: try await response.body.collect(upTo: 1_024)))
                }
                let target = "https://payments.example.org/proofs?c=d"
                let good = try await present(target, hasBearerToken ? "a" : nil)
                #expect(try await send(good) == (200, svid.id.uri))
                // The proof is for this target, and for the token beside it.
                #expect(try await send(present("https://payments.example.org/other", nil)).0 == 500)
                var other = good
                other.headers.replaceOrAdd(name: "Authorization", value: "Bearer b")
                #expect(try await send(other).0 == 500)
                var twice = good
                twice.headers.add(
                    name: WITPresentation.proofTokenField, value: good.headers[WITPresentation.proofTokenField][0])
                #expect(try await send(twice).0 == 500)
                var bearer = HTTPClientRequest(url: "\(url)/proofs")
                bearer.headers.add(name: "Authorization", value: "Bearer \(svid.token)")
                #expect(try await send(bearer) == (200, "nobody"))
            }
        }
    }

    @Test("WIT-57: a request over plain HTTP is given no WIT-SVID, not even to this machine")
    func insecureProof() throws {
        let svid = try self.fixture.authority.witSVID(id: "spiffe://example.org/batch")
        var request = HTTPClientRequest(url: "http://127.0.0.1/")
        #expect(throws: WITPresentationError.insecureTarget) {
            try request.present { try svid.presentation(for: $0, now: self.fixture.authority.now) }
        }
        #expect(request.headers.isEmpty)
    }

    @Test("WIT-55: the target of a URL without path ends in a slash, as it is requested")
    func noPath() throws {
        let svid = try self.fixture.authority.witSVID(id: "spiffe://example.org/batch")
        for (url, target) in [
            ("https://a", "https://a/"), ("https://a:1?b", "https://a:1/"), ("https://a/b", "https://a/b"),
        ] {
            var request = HTTPClientRequest(url: url)
            try request.present { scope in
                #expect(scope.target == target)
                return try svid.presentation(for: scope, now: self.fixture.authority.now)
            }
        }
    }

    @Test("JWT-33: a request over plain HTTP to another machine is given no JWT-SVID")
    func insecure() throws {
        let svid = try JWTSVID(
            receivedFromWorkloadAPI: self.fixture.authority.jwt(sub: "spiffe://example.org/batch", aud: ["payments"]))
        var request = HTTPClientRequest(url: "http://payments.example.org/")
        #expect(throws: BearerTokenError.insecureTarget) { try request.authorize(with: svid) }
        #expect(request.headers.isEmpty)
    }

    @Test("a route that is for fewer than may connect answers 403 to the others")
    func forbidden() async throws {
        try await self.withServer { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                #expect(try await self.get("\(url)/audits", client).status == 403)
            }
        }
    }

    @Test("a server with another SPIFFE ID is sent nothing")
    func wrongServer() async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { url async throws in
            try await self.withClient(self.fixture.orders, .exactly(id("spiffe://example.org/other"))) {
                client async throws in
                await #expect(throws: SPIFFETLSError.unauthorizedPeer(Fixture.payments)) {
                    try await self.get("\(url)/whoami", client)
                }
            }
        }
        #expect(seen.values == [])
    }

    @Test("a client that another authority vouches for, or that the policy does not name, is not heard")
    func wrongClients() async throws {
        let seen = Recorded<String>()
        try await self.withServer(seen: seen) { url async throws in
            for source in [self.fixture.impostor, self.fixture.payments] {
                try await self.withClient(source) { client async throws in
                    await #expect(throws: (any Error).self) { try await self.get("\(url)/whoami", client) }
                }
            }
        }
        #expect(seen.values == [])
    }

    @Test("a client without an identity calls nobody")
    func noIdentity() async throws {
        try await self.withServer { url async throws in
            try await self.withClient(NoIdentity()) { client async throws in
                await #expect(throws: NoIdentity.Missing.self) { try await self.get("\(url)/whoami", client) }
            }
        }
    }

    @Test(
        "what is not https, or names nobody, is refused before anything is opened",
        arguments: [
            ("http://127.0.0.1:1/", .notHTTPS), ("unix:///tmp/socket", .notHTTPS), ("127.0.0.1:1", .notHTTPS),
            ("https:///path", .noHost), ("https://user@127.0.0.1/", .noHost),
        ] as [(String, SPIFFEHTTPClientError)])
    func refusedURLs(url: String, error: SPIFFEHTTPClientError) async throws {
        try await self.withClient(self.fixture.orders) { client async throws in
            await #expect(throws: error) { try await self.get(url, client) }
        }
    }

    @Test("why a request is not sent has a stable label")
    func labels() {
        #expect(SPIFFEHTTPClientError.notHTTPS.label == "http_client.not_https")
        #expect(SPIFFEHTTPClientError.noHost.label == "http_client.no_host")
    }

    @Test("a server waits longer for the next request than clients keep a connection for it")
    func idleTimeouts() {
        #expect(HTTPServerBuilder.spiffeIdleTimeout > HTTPClient.Configuration().connectionPool.idleTimeout)
    }

    @Test("SVIDs rotate under traffic without a failed request, on both sides")
    func rotation() async throws {
        let seen = Recorded<String>()
        var configuration = HTTPClient.Configuration()
        configuration.maximumUsesPerConnection = 5
        try await self.withServer(seen: seen) { url async throws in
            try await self.withClient(self.fixture.orders, .exactly(Fixture.payments), configuration) {
                client async throws in
                for request in 1...100 {
                    if request.isMultiple(of: 10) { try self.fixture.rotate() }
                    #expect(try await self.get("\(url)/whoami", client).body == Fixture.orders.uri)
                }
            }
        }
        #expect(seen.values.count == 100)
        #expect(Set(seen.values).count >= 8)
    }

    @Test("a connection that is too old is closed, and the next one has the new identity")
    func age() async throws {
        let seen = Recorded<String>()
        let age = ConnectionAge(maximum: .milliseconds(50), grace: .seconds(5))
        try await self.withServer(connectionAge: age, seen: seen) { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                // In HTTP/1.1 a request that crosses the close on its way fails, and is for the caller to repeat.
                while seen.values.isEmpty {
                    try Task.checkCancellation()
                    _ = try? await self.get("\(url)/whoami", client)
                }
                try self.fixture.rotate()
                while Set(seen.values).count < 2 {
                    try Task.checkCancellation()
                    _ = try? await self.get("\(url)/whoami", client)
                }
            }
        }
    }

    @Test("an SVID that TLS cannot use is said once, on either side, and the last good one goes on serving")
    func unusableIdentity() async throws {
        let (server, client) = (Recorded<SPIFFETLSError>(), Recorded<SPIFFETLSError>())
        var configuration = HTTPClient.Configuration()
        configuration.maximumUsesPerConnection = 1
        try await self.withServer(refused: server) { url async throws in
            try await withSPIFFEHTTPClient(
                source: self.fixture.orders, policy: .exactly(Fixture.payments), configuration: configuration,
                onRefusedIdentity: { client.append($0) }
            ) { calls async throws in
                #expect(try await self.get("\(url)/whoami", calls).status == 200)
                try self.fixture.spoil(self.fixture.payments)
                try self.fixture.spoil(self.fixture.orders)
                for _ in 1...3 { #expect(try await self.get("\(url)/whoami", calls).status == 200) }
            }
        }
        #expect(server.values == [.identityUnusable(Fixture.payments)])
        #expect(client.values == [.identityUnusable(Fixture.orders)])
    }

    @Test("an SVID that TLS cannot use is said once, on however many connections and with whatever bundles")
    func unusableIdentityOfBoundCalls() async throws {
        let refused = Recorded<SPIFFETLSError>()
        let unusable = SPIFFETLSError.identityUnusable(Fixture.orders)
        var configuration = HTTPClient.Configuration()
        configuration.maximumUsesPerConnection = 1
        try await self.withServer { url async throws in
            try await withSPIFFEHTTPClient(
                source: self.fixture.orders, policy: .exactly(Fixture.payments), configuration: configuration,
                onRefusedIdentity: { refused.append($0) }
            ) { client async throws in
                #expect(try await self.get("\(url)/whoami", client).status == 200)
                try self.fixture.spoil(self.fixture.orders)
                #expect(try await self.get("\(url)/whoami", client).status == 200)
                // A call that has to present the new one has no good one before it.
                await #expect(throws: unusable) {
                    try await client.executePresentingCurrent(
                        HTTPClientRequest(url: "\(url)/whoami"), timeout: .seconds(10))
                }
                let foreign = try TestAuthority(trustDomain: "foreign.test").bundle
                self.fixture.orders.rotate(
                    to: X509Identity(
                        svid: try self.fixture.orders.current().svid,
                        bundles: TrustBundles([self.fixture.authority.bundle, foreign])))
                #expect(try await self.get("\(url)/whoami", client).status == 200)
            }
        }
        #expect(refused.values == [unusable])
    }

    @Test("a request does not wait for connections of an SVID before that are still being made")
    func retiredMeanwhile() async throws {
        let hole = BlackHole()
        let port = try await hole.open()
        try await self.withServer { url async throws in
            try await self.withClient(self.fixture.orders) { client async throws in
                let svid = try self.fixture.orders.current().svid
                let lost = Task {
                    try await client.execute(
                        HTTPClientRequest(url: "https://127.0.0.1:\(port)/"), timeout: .seconds(60), presenting: svid)
                }
                try await waitUntil { hole.accepted.values.count == 1 }
                // Of the SVIDs before it two have connections still: the fourth takes those of the first away.
                for _ in 1...3 {
                    try self.fixture.rotate()
                    let answer = try await client.executePresentingCurrent(
                        HTTPClientRequest(url: "\(url)/whoami"), timeout: .seconds(60))
                    #expect(answer.status == .ok)
                    _ = try await answer.body.collect(upTo: 1_024)
                }
                #expect(hole.ended.values.isEmpty)
                try await hole.close()
                await #expect(throws: (any Error).self) { try await lost.value }
            }
        }
    }

    @Test("a server speaks TLS 1.2 where it is told to, and only there", arguments: MinimumTLSVersion.allCases)
    func oldClient(minimumVersion: MinimumTLSVersion) async throws {
        let svid = try self.fixture.orders.current().svid
        try await withTemporaryDirectory { directory async throws in
            let chain = try directory.write(Array(svid.certificatesPEM.utf8), to: "svid.pem")
            let key = try directory.write(Array(svid.privateKeyPEM.utf8), to: "key.pem")
            try await self.withServer(minimumVersion: minimumVersion) { url async throws in
                let called = try await runProcess(
                    "openssl",
                    ["s_client", "-connect", String(url.dropFirst("https://".count)), "-tls1_2"]
                        + ["-cert", chain, "-key", key])
                #expect((called.status == 0) == (minimumVersion == .tlsv12), "\(called.errorText)")
            }
        }
    }

    @Test("a client speaks TLS 1.2 where it is told to, and only there", arguments: MinimumTLSVersion.allCases)
    func oldServer(minimumVersion: MinimumTLSVersion) async throws {
        let completed = Recorded<Bool>()
        try await withOldServer(self.fixture.payments.current().svid, completed: completed) { url async throws in
            try await withSPIFFEHTTPClient(
                source: self.fixture.orders, policy: .exactly(Fixture.payments), minimumVersion: minimumVersion
            ) { client async throws in
                _ = await #expect(throws: (any Error).self) { try await self.get(url, client) }
            }
        }
        #expect(completed.values == (minimumVersion == .tlsv12 ? [true] : []))
    }

    @Test("a connection that a server has accepted and does not take up, for it stops, ends nothing but itself")
    func notTakenUp() async throws {
        let ended = Recorded<Bool>()
        let child = SPIFFEChannel(tls: { [] }, base: HTTP1Channel(responder: { _, _, _ in }))
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.closeFuture.whenComplete { _ in ended.append(true) }
                return child.setup(channel: channel, logger: Self.quiet).map { _ in }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0).get()
        try await client.close()
        try await waitUntil { ended.values.count == 1 }
        try await server.close()
    }

    @Test("a peer that says nothing is not waited for longer than it is told to be")
    func silentClient() async throws {
        let idle = HTTP1Channel.Configuration(idleTimeout: .milliseconds(50))
        try await self.withServer(configuration: idle) { url async throws in
            let port = try #require(Int(url.split(separator: ":").last ?? ""))
            let tls = SPIFFETLSContexts(source: self.fixture.orders, policy: .exactly(Fixture.payments))
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .channelInitializer { tls.secureClient($0) }
                .connect(host: "127.0.0.1", port: port).get()
            try await channel.closeFuture.get()
        }
    }
}
