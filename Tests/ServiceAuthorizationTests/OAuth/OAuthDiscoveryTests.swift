import AccessTokens
import AuthorizationOAuth
import FoundationEssentials
import NIOHTTP1
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing

@Suite("The endpoints of an issuer by its metadata (RFC 8414)", .timeLimit(.minutes(1)))
struct OAuthDiscoveryTests {
    private static let base = "https://issuer.example.org"
    private static let wellKnown = "https://issuer.example.org/.well-known/oauth-authorization-server"
    private static let good = Self.document()

    private let time = ManualInstants()
    private let endpoint = ScriptedEndpoint()
    private let discovery: OAuthDiscovery

    init() {
        self.discovery = OAuthDiscovery(
            issuer: TestIssuer.issuer, client: self.endpoint.client(self.time.instants), instants: self.time.instants)
        self.endpoint.answer(Self.good)
    }

    private static func document(_ changes: [String: String?] = [:]) -> String {
        var members: [String: String?] = [
            "issuer": "\"\(self.base)\"", "token_endpoint": "\"\(self.base)/token\"",
            "jwks_uri": "\"\(self.base)/jwks\"",
        ]
        for (name, value) in changes { members[name] = value }
        let pairs = members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
        return "{\(pairs.sorted().joined(separator: ","))}"
    }

    private func metadata() async throws -> OAuthIssuerMetadata { try await self.discovery.metadata() }
    private var asked: [String] { self.endpoint.requests.values.map(\.url) }

    @Test("§3: the document is asked for by one GET, and says where the endpoints are")
    func found() async throws {
        let metadata = try await self.metadata()
        #expect(metadata.issuer == Self.base)
        #expect(metadata.tokenEndpoint == "\(Self.base)/token")
        #expect(metadata.mutualTLSTokenEndpoint == "\(Self.base)/token")
        #expect(metadata.jwksURI == "\(Self.base)/jwks")
        let request = try #require(self.endpoint.requests.values.first)
        #expect(request.method == "GET" && request.url == Self.wellKnown && request.body.isEmpty)
    }

    @Test(
        "§3.1: the path of the issuer comes behind the well-known one",
        arguments: [
            ("https://a.example", "https://a.example/.well-known/oauth-authorization-server"),
            ("https://a.example/", "https://a.example/.well-known/oauth-authorization-server"),
            ("https://a.example:8443/x/y", "https://a.example:8443/.well-known/oauth-authorization-server/x/y"),
            ("https://a.example/x/", "https://a.example/.well-known/oauth-authorization-server/x"),
        ])
    func location(issuer: String, url: String) throws {
        #expect(try OAuthIssuerMetadata.url(of: issuer) == url)
    }

    @Test(
        "§2: an issuer that is no https URL, or has a query or a fragment, is not asked",
        arguments: [
            ("http://issuer.example.org", .notHTTPS), ("https:///x", .notHTTPS), ("https://a@b", .notHTTPS),
            ("issuer.example.org", .notHTTPS), ("", .notHTTPS),
            ("https://issuer.example.org?x", .malformedMember("issuer")),
            ("https://issuer.example.org/#x", .malformedMember("issuer")),
            ("https://issuer.example.org/a b", .malformedMember("issuer")),
            ("https://issuer.example.org/\r\nHost: x", .malformedMember("issuer")),
        ] as [(String, OAuthClientError)])
    func wrongIssuers(issuer: String, error: OAuthClientError) async throws {
        let discovery = OAuthDiscovery(issuer: issuer, client: self.endpoint.client, instants: self.time.instants)
        await #expect(throws: error) { try await discovery.metadata() }
        #expect(self.asked.isEmpty)
    }

    @Test(
        "a document that is wrong in one way is refused with its reason",
        arguments: [
            RefusedAnswer(
                "§3.3: another issuer", .issuerMismatch, document(["issuer": "\"https://other.example.org\""])),
            RefusedAnswer(
                "§3.3: the same issuer, written otherwise", .issuerMismatch, document(["issuer": "\"\(base)/\""])),
            RefusedAnswer("no issuer", .malformedMember("issuer"), document(["issuer": nil])),
            RefusedAnswer(
                "a token endpoint without TLS", .endpointNotHTTPS("token_endpoint"),
                document(["token_endpoint": "\"http://issuer.example.org/token\""])),
            RefusedAnswer(
                "keys without TLS", .endpointNotHTTPS("jwks_uri"), document(["jwks_uri": "\"http://a.example/jwks\""])),
            RefusedAnswer(
                "an alias without TLS", .endpointNotHTTPS("token_endpoint"),
                document(["mtls_endpoint_aliases": "{\"token_endpoint\":\"http://a.example/token\"}"])),
            RefusedAnswer(
                "aliases that are none", .malformedMember("mtls_endpoint_aliases"),
                document(["mtls_endpoint_aliases": "[]"])),
            RefusedAnswer(
                "an endpoint with a user", .endpointNotHTTPS("token_endpoint"),
                document(["token_endpoint": "\"https://@a.example/token\""])),
            RefusedAnswer(
                "an endpoint that breaks the line", .malformedMember("token_endpoint"),
                document(["token_endpoint": "\"https://a.example/token\\r\\nX: y\""])),
            RefusedAnswer(
                "an endpoint that is too long", .malformedMember("jwks_uri"),
                document(["jwks_uri": "\"https://a.example/\(String(repeating: "x", count: 2_048))\""])),
            RefusedAnswer(
                "no token endpoint", .malformedMember("token_endpoint"), document(["token_endpoint": nil])),
            RefusedAnswer("no keys", .malformedMember("jwks_uri"), document(["jwks_uri": nil])),
            RefusedAnswer("a number", .malformedMember("jwks_uri"), document(["jwks_uri": "1"])),
            RefusedAnswer("no JSON", .malformedAnswer, "<html>"),
            RefusedAnswer("a list", .malformedAnswer, "[\(good)]"),
            RefusedAnswer("a member twice", .malformedAnswer, #"{"issuer":"a","issuer":"\#(base)"}"#),
            RefusedAnswer(
                "too long", .answerTooLong(maxBytes: 65_536), good + String(repeating: " ", count: 65_536)),
            RefusedAnswer("a redirection", .unexpectedStatus(302), good, status: 302),
            RefusedAnswer("not there", .unexpectedStatus(404), good, status: 404),
            RefusedAnswer("another success", .unexpectedStatus(203), good, status: 203),
        ])
    func refused(answer: RefusedAnswer) async throws {
        self.endpoint.answer(answer.body, status: answer.status)
        await #expect(throws: answer.error) { try await self.metadata() }
        // The next one is asked for at once: there is nothing else to serve.
        self.endpoint.answer(Self.good)
        #expect(try await self.metadata().issuer == Self.base)
    }

    @Test(
        "what is said of endpoints that are not used is not looked at",
        arguments: ["null", "\"http://issuer.example.org/x\"", "[]"])
    func unused(value: String) async throws {
        self.endpoint.answer(Self.document(["revocation_endpoint": value, "introspection_endpoint": value]))
        #expect(try await self.metadata().issuer == Self.base)
    }

    /// Has the issuer answer with a head alone, and time pass once so many limits are waited for.
    private func whileStalled(
        _ seconds: Int, limits: Int, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        self.endpoint.stall()
        try await self.whileTimePasses(seconds, limits: limits, body)
    }

    private func whileTimePasses(
        _ seconds: Int, limits: Int, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            try await self.time.waitForSleepers(limits)
            #expect(self.time.nextDeadline == self.time.now.addingTimeInterval(Double(seconds)))
            self.time.advance(by: .seconds(seconds))
            try await group.waitForAll()
        }
    }

    @Test("an issuer that stalls is waited for ten seconds, and for one second while there is a document")
    func stalled() async throws {
        try await self.whileStalled(10, limits: 1) {
            await #expect(throws: OAuthClientError.timedOut) { try await self.metadata() }
        }
        self.endpoint.answer(Self.good)
        _ = try await self.metadata()
        self.time.advance(by: .seconds(600))
        // That of the request, which goes on, and that of the one who waits.
        try await self.whileStalled(1, limits: 2) {
            let metadata = try await self.metadata()
            #expect(metadata.tokenEndpoint == "\(Self.base)/token")
        }
        // Nobody asks again for a while.
        try await waitUntil { self.asked.count == 3 }
        #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/token")
        #expect(self.asked.count == 3)
    }

    @Test("an issuer that always takes longer than a second is waited for by nobody, and its document comes")
    func slow() async throws {
        _ = try await self.metadata()
        self.time.advance(by: .seconds(600))
        let answer = self.endpoint.answerLater(Self.document(["token_endpoint": "\"\(Self.base)/new\""]))
        try await self.whileTimePasses(1, limits: 2) { () async throws in
            #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/token")
        }
        #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/token")
        answer()
        while try await self.metadata().tokenEndpoint != "\(Self.base)/new" {
            try Task.checkCancellation()
            await Task.yield()
        }
        #expect(self.asked.count == 2)
    }

    @Test("a document is kept for ten minutes, and then fetched again")
    func kept() async throws {
        _ = try await self.metadata()
        self.endpoint.answer(Self.document(["token_endpoint": "\"\(Self.base)/new\""]))
        self.time.advance(by: .seconds(599))
        #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/token")
        self.time.advance(by: .seconds(1))
        #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/new")
        #expect(self.asked.count == 2)
    }

    @Test("the last good one serves for a day while there is none or a wrong one, with a request in thirty seconds")
    func lastGood() async throws {
        _ = try await self.metadata()
        self.time.advance(by: .seconds(600))
        self.endpoint.goAway()
        for _ in 0..<10 { #expect(try await self.metadata().tokenEndpoint == "\(Self.base)/token") }
        #expect(self.asked.count == 2)
        self.time.advance(by: .seconds(29))
        _ = try await self.metadata()
        #expect(self.asked.count == 2)
        self.time.advance(by: .seconds(1))
        self.endpoint.answer(Self.document(["issuer": "\"https://other.example.org\""]))
        #expect(try await self.metadata().issuer == Self.base)
        #expect(self.asked.count == 3)
        self.time.advance(by: .seconds(86_400 - 631))
        #expect(try await self.metadata().issuer == Self.base)
        self.time.advance(by: .seconds(1))
        await #expect(throws: OAuthClientError.issuerMismatch) { try await self.metadata() }
        self.endpoint.goAway()
        await #expect(throws: ScriptedEndpoint.Away.self) { try await self.metadata() }
    }

    @Test("after the clock was set back the document is fetched again")
    func clockSetBack() async throws {
        _ = try await self.metadata()
        self.time.set(to: self.time.now.addingTimeInterval(-3_600))
        _ = try await self.metadata()
        #expect(self.asked.count == 2)
    }

    @Test("RFC 8705 §5: a token by certificate is asked for where the issuer says, and by assertion at the other one")
    func aliases() async throws {
        self.endpoint.answer(
            Self.document(["mtls_endpoint_aliases": "{\"token_endpoint\":\"https://mtls.example.org/token\"}"]))
        _ = try await self.metadata()
        self.endpoint.answer(#"{"access_token":"t1","token_type":"Bearer","expires_in":600}"#)
        let services = try TestServices()
        let text = try services.authority.jwt(sub: TestIssuer.orders, aud: [TestIssuer.issuer])
        let request = TokenRequest(audience: TestIssuer.payments)
        for authentication in [
            OAuthClientAuthentication.x509SVID(services.orders),
            .jwtSVID { _, _ in try JWTSVID(receivedFromWorkloadAPI: text) },
        ] {
            let issuer = OAuthTokenIssuer(
                discovery: self.discovery, client: self.endpoint.client, authentication: authentication)
            #expect(try await issuer.fetchToken(request).token == "t1")
        }
        #expect(self.asked == [Self.wellKnown, "https://mtls.example.org/token", "\(Self.base)/token"])
    }

    @Test("without metadata nothing is sent: no assertion is made")
    func unknown() async throws {
        self.endpoint.goAway()
        let made = Recorded<String>()
        let issuer = OAuthTokenIssuer(
            discovery: self.discovery, client: self.endpoint.client,
            authentication: .jwtSVID { audience, _ in
                made.append(audience)
                throw ScriptedEndpoint.Away()
            })
        await #expect(throws: ScriptedEndpoint.Away.self) {
            try await issuer.fetchToken(TokenRequest(audience: TestIssuer.payments))
        }
        #expect(made.values == [])
        #expect(self.asked == [Self.wellKnown])
    }
}
