import AccessTokens
import AuthorizationOAuth
import FoundationEssentials
import NIOHTTP1
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing
import WorkloadAPI

/// An answer that is not taken, and the reason.
struct RefusedAnswer: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let error: OAuthClientError
    let status: UInt
    let body: String

    init(_ testDescription: String, _ error: OAuthClientError, _ body: String, status: UInt = 200) {
        self.testDescription = testDescription
        self.error = error
        self.status = status
        self.body = body
    }
}

@Suite("Tokens from an OAuth endpoint", .timeLimit(.minutes(1)))
struct OAuthTokenIssuerTests {
    private static let url = "https://issuer.example.org/oauth2/token"
    private static let good = #"{"access_token":"t1","token_type":"Bearer","expires_in":600,"scope":"a b"}"#

    private let time = ManualInstants()
    private let endpoint = ScriptedEndpoint()
    private let services: TestServices
    private let request = TokenRequest(
        audience: TestIssuer.payments, scopes: ScopeSet(literal: [Scope(stringLiteral: "a")]))

    init() throws {
        self.services = try TestServices()
        self.endpoint.answer(Self.good)
    }

    private func issuer(
        _ authentication: OAuthClientAuthentication? = nil, url: String = OAuthTokenIssuerTests.url
    ) -> OAuthTokenIssuer {
        OAuthTokenIssuer(
            issuer: TestIssuer.issuer, tokenEndpoint: url, client: self.endpoint.client,
            authentication: authentication ?? .x509SVID(self.services.orders), instants: self.time.instants)
    }

    @Test("RFC 6749 §4.4.2: what is sent with an X509-SVID, and what is made of the answer")
    func x509() async throws {
        let token = try await self.issuer().fetchToken(self.request)
        let sent = try #require(self.endpoint.requests.values.first)
        #expect(sent.method == "POST" && sent.url == Self.url)
        #expect(sent.headers["Content-Type"] == ["application/x-www-form-urlencoded"])
        #expect(sent.headers["User-Agent"] == ["signet-swift/\(LibraryVersion.current)"])
        #expect(
            sent.body == "grant_type=client_credentials&client_id=spiffe%3A%2F%2Fexample.org%2Forders"
                + "&resource=spiffe%3A%2F%2Fexample.org%2Fpayments&scope=a")
        #expect(token.token == "t1" && token.audience == TestIssuer.payments)
        #expect(token.spiffeID.uri == TestIssuer.orders)
        #expect(token.scopes.text == "a b")
        #expect(token.issuedAt == self.time.now && token.expiresAt == self.time.now.addingTimeInterval(600))
        // It cannot be read, so that it may be bound.
        #expect(token.isCertificateBound)
    }

    @Test("an assertion is for the issuer alone; a name is sent as audience; without scopes none are sent")
    func assertion() async throws {
        let authority = try TestAuthority(trustDomain: "example.org", now: self.time.now)
        let text = try authority.jwt(sub: TestIssuer.orders, aud: [TestIssuer.issuer])
        let audiences = Recorded<String>()
        let issuer = self.issuer(
            .jwtSVID { audience, _ in
                audiences.append(audience)
                return try JWTSVID(receivedFromWorkloadAPI: text)
            })
        _ = try await issuer.fetchToken(TokenRequest(audience: "payments"))
        #expect(audiences.values == [TestIssuer.issuer])
        #expect(
            self.endpoint.requests.values.map(\.body) == [
                "grant_type=client_credentials"
                    + "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-spiffe"
                    + "&client_assertion=\(text)&audience=payments"
            ])
        let other = try SPIFFEID(parsing: "spiffe://example.org/other")
        await #expect(throws: OAuthClientError.noSuchIdentity(other)) {
            try await issuer.fetchToken(TokenRequest(audience: "payments", spiffeID: other))
        }
        self.endpoint.answer(#"{"error":"invalid_client","error_description":"\#(text)"}"#, status: 401)
        do {
            _ = try await issuer.fetchToken(self.request)
            Issue.record("it was not refused")
        } catch {
            #expect(error as? OAuthClientError == .refused(code: "invalid_client", status: 401))
            #expect(!String(reflecting: error).contains("eyJhbGci") && !"\(error)".contains("eyJhbGci"))
        }
    }

    @Test("a token that can be read says its audience and whether it is bound")
    func readable() async throws {
        for (bound, certificate) in [(false, nil), (true, [UInt8](repeating: 7, count: 32))] {
            let token = try self.services.issuer.token(certificateSHA256: certificate)
            self.endpoint.answer(#"{"access_token":"\#(token)","token_type":"bearer","expires_in":600}"#)
            let issued = try await self.issuer().fetchToken(TokenRequest(audience: "payments"))
            #expect(issued.audience == TestIssuer.payments)
            #expect(issued.isCertificateBound == bound)
        }
    }

    @Test("a token whose header cannot be read says nothing: it may be bound")
    func unreadableHeader() async throws {
        // One character is no base64url.
        let token = try "a" + self.services.issuer.token().drop { $0 != "." }
        self.endpoint.answer(#"{"access_token":"\#(token)","token_type":"bearer","expires_in":600}"#)
        let issued = try await self.issuer().fetchToken(TokenRequest(audience: "payments"))
        #expect(issued.audience == "payments")
        #expect(issued.isCertificateBound)
    }

    @Test("RFC 6749 §5.1: without scope in the answer the token has those that were asked for")
    func scopesAsAsked() async throws {
        self.endpoint.answer(#"{"access_token":"t1","token_type":"Bearer","expires_in":1}"#)
        #expect(try await self.issuer().fetchToken(self.request).scopes.text == "a")
    }

    @Test("nothing is sent where the URL is no https, or the identity is another")
    func notSent() async throws {
        for url in ["http://issuer.example.org/", "issuer.example.org", "https:/"] {
            await #expect(throws: OAuthClientError.notHTTPS) {
                try await self.issuer(url: url).fetchToken(self.request)
            }
        }
        let other = try SPIFFEID(parsing: "spiffe://example.org/other")
        await #expect(throws: OAuthClientError.noSuchIdentity(other)) {
            try await self.issuer().fetchToken(TokenRequest(audience: TestIssuer.payments, spiffeID: other))
        }
        #expect(self.endpoint.requests.values.isEmpty)
    }

    @Test(
        "an answer that is wrong in one way is refused with its reason",
        arguments: [
            RefusedAnswer("no JSON", .malformedAnswer, "token"),
            RefusedAnswer("a member twice", .malformedAnswer, #"{"access_token":"a","access_token":"b"}"#),
            RefusedAnswer("too long", .answerTooLong(maxBytes: 65_536), String(repeating: " ", count: 65_537)),
            RefusedAnswer(
                "no token", .malformedMember("access_token"), #"{"token_type":"Bearer","expires_in":600}"#),
            RefusedAnswer(
                "a token with a line break", .malformedMember("access_token"),
                #"{"access_token":"a\r\nX: y","token_type":"Bearer","expires_in":600}"#),
            RefusedAnswer(
                "no type", .malformedMember("token_type"), #"{"access_token":"a","expires_in":600}"#),
            RefusedAnswer(
                "another type", .unsupportedTokenType, #"{"access_token":"a","token_type":"mac","expires_in":600}"#),
            RefusedAnswer(
                "no expires_in", .malformedMember("expires_in"), #"{"access_token":"a","token_type":"Bearer"}"#),
            RefusedAnswer(
                "expired at once", .malformedMember("expires_in"),
                #"{"access_token":"a","token_type":"Bearer","expires_in":0}"#),
            RefusedAnswer(
                "more than a day", .malformedMember("expires_in"),
                #"{"access_token":"a","token_type":"Bearer","expires_in":86401}"#),
            RefusedAnswer(
                "a malformed scope", .malformedMember("scope"),
                #"{"access_token":"a","token_type":"Bearer","expires_in":600,"scope":"a  b"}"#),
            RefusedAnswer(
                "fewer scopes", .missingScopes(ScopeSet(literal: ["a"])),
                #"{"access_token":"a","token_type":"Bearer","expires_in":600,"scope":"b"}"#),
            RefusedAnswer(
                "a library that is too old", .libraryTooOld, #"{"error":"signet_library_too_old"}"#, status: 400),
            RefusedAnswer(
                "§5.2", .refused(code: "invalid_scope", status: 400), #"{"error":"invalid_scope"}"#, status: 400),
            RefusedAnswer(
                "away", .refused(code: "temporarily_unavailable", status: 503),
                #"{"error":"temporarily_unavailable"}"#, status: 503),
            RefusedAnswer(
                "a code that is none", .unexpectedStatus(400), #"{"error":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}"#,
                status: 400
            ),
            RefusedAnswer("a redirection", .unexpectedStatus(307), "", status: 307),
            RefusedAnswer("an error page", .unexpectedStatus(502), "<html>", status: 502),
        ])
    func refused(answer: RefusedAnswer) async throws {
        self.endpoint.answer(answer.body, status: answer.status)
        await #expect(throws: answer.error) { try await self.issuer().fetchToken(self.request) }
    }

    @Test("errors have names that metrics can have")
    func labels() throws {
        let id = try SPIFFEID(parsing: TestIssuer.orders)
        let errors: [OAuthClientError] = [
            .notHTTPS, .endpointNotHTTPS("a"), .issuerMismatch, .noSuchIdentity(id), .refused(code: "a", status: 400),
            .libraryTooOld, .unexpectedStatus(500), .answerTooLong(maxBytes: 1), .malformedAnswer,
            .malformedMember("a"), .unsupportedTokenType, .missingScopes(.none), .keys(.keysMissing), .timedOut,
        ]
        #expect(Set(errors.map(\.label)).count == errors.count)
        #expect(OAuthClientError.refused(code: "a", status: 400).label == "oauth_client.refused")
        #expect(OAuthClientError.timedOut.label == "oauth_client.timed_out")
    }

    @Test("a source gives a token up when the endpoint denies it, and keeps it while it is away")
    func denial() async throws {
        let source = TokenSource(issuer: self.issuer(), instants: self.time.instants) { NoChance() }
        #expect(try await source.token(for: self.request).token == "t1")
        self.endpoint.answer(#"{"error":"temporarily_unavailable"}"#, status: 503)
        self.time.advance(by: .seconds(500))
        #expect(try await source.token(for: self.request).token == "t1")
        try await waitUntil { self.endpoint.requests.values.count == 2 }
        self.endpoint.answer(#"{"error":"invalid_target"}"#, status: 400)
        for _ in 0..<2 {
            await #expect(throws: OAuthClientError.refused(code: "invalid_target", status: 400)) {
                // Until the denial has come in the background.
                while try await source.token(for: self.request).token == "t1" {
                    try Task.checkCancellation()
                    self.time.advance(by: .milliseconds(10))
                    await Task.yield()
                }
            }
        }
        #expect(self.endpoint.requests.values.count == 3)
    }
}
