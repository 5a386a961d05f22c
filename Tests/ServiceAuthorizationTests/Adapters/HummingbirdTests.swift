import AccessTokens
import AsyncHTTPClient
import AuthorizationHTTPClient
import AuthorizationHummingbird
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import Rotation
import SPIFFE
import SPIFFEHTTPClient
import SPIFFEHummingbird
import SPIFFETLS
import ServiceAuthorization
import TestSupport
import Testing

@Suite("Routes that demand tokens", .timeLimit(.minutes(1)))
struct HummingbirdTests {
    private let services: TestServices
    private let handled = Recorded<String>()
    /// Whether streams go on after their first part.
    private let gate = Watched(false)

    init() throws {
        self.services = try TestServices()
    }

    /// Serves as `payments` over mutual TLS while `body` runs.
    private func withServer(
        _ router: AuthorizedRouter<AccessTokenRequestContext>? = nil, _ body: (_ url: String) async throws -> Void
    ) async throws {
        try await self.services.serving(router ?? self.router()) { port async throws in
            try await body("https://127.0.0.1:\(port)")
        }
    }

    private func router() -> AuthorizedRouter<AccessTokenRequestContext> {
        let handled = self.handled
        let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: self.services.validator)
        let handle: @Sendable (Request, AccessTokenRequestContext) async throws -> String = { request, context in
            handled.append("\(request.method.rawValue) \(request.uri.path)")
            return context.accessToken?.claims.subject.uri ?? "nobody"
        }
        router.exempt("healthz", method: .get, use: handle)
        router.requireScopes(all: "payments:create", "payments:read").post("both", use: handle)
        router.requireScopes(any: "payments:create", "payments:read").get("either", use: handle)
        router.requireScopes(all: "payments:create", whenStale: .accept(upTo: .seconds(60))).get("open", use: handle)
        router.requireScopes(all: "payments:create", mode: .observe).get("old/:id", use: handle)
        router.requireScopes(all: "payments:admin") { token, _, context in
            token.claims.subject.path == "/\(context.parameters.get("owner") ?? "")"
        }.get("owners/:owner", use: handle)
        router.get("forgotten", use: handle)
        router.requireScopes(all: "payments:create").get("stream") { request, _ in
            let gate = self.gate
            let isIdle = request.uri.queryParameters["idle"] != nil
            return Response(
                status: .ok,
                body: ResponseBody { writer in
                    try await writer.write(ByteBuffer(string: "first"))
                    for await isOpen in gate.updates() where isOpen && !isIdle { break }
                    try Task.checkCancellation()
                    try await writer.write(ByteBuffer(string: "second"))
                    try await writer.finish(nil)
                })
        }
        return router
    }

    private struct Answer: Equatable {
        let status: UInt
        let challenge: String?
        let body: String
        var retryAfter: String?
    }

    /// Calls with the headers as they are given.
    private func call(
        _ url: String, _ method: HTTPMethod = .GET, as source: TestServices.Identity? = nil,
        authorization: [String] = [], headers: [String: String] = [:]
    ) async throws -> Answer {
        try await withSPIFFEHTTPClient(
            source: source ?? self.services.orders, policy: .memberOf(self.services.policy)
        ) { client async throws in
            var request = HTTPClientRequest(url: url)
            request.method = method
            for value in authorization { request.headers.add(name: "Authorization", value: value) }
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            let response = try await client.execute(request, timeout: .seconds(10))
            if response.status != .ok, response.status != .notFound {
                #expect(response.headers["Cache-Control"] == ["no-store"])
            }
            return Answer(
                status: response.status.code, challenge: response.headers.first(name: "WWW-Authenticate"),
                body: String(buffer: try await response.body.collect(upTo: 1_024)),
                retryAfter: response.headers.first(name: "Retry-After"))
        }
    }

    private static let realm = "Bearer realm=\"spiffe://example.org/payments\""

    @Test("a call with the right token is handled, and the handler knows the caller")
    func accepted() async throws {
        let token = try self.services.issuer.token(scope: "payments:create payments:read")
        try await self.withServer { url async throws in
            let answer = try await self.call("\(url)/both", .POST, authorization: ["Bearer \(token)"])
            #expect(answer == Answer(status: 200, challenge: nil, body: TestIssuer.orders))
        }
        #expect(self.services.audit.events.values.map(\.route) == ["POST /both"])
    }

    @Test("RFC 6750 §3: without a token 401 and a challenge without a code, whatever the scheme")
    func missing() async throws {
        let answer = Answer(status: 401, challenge: Self.realm, body: "{\"error\":\"missing_token\"}\n")
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/either") == answer)
            #expect(try await self.call("\(url)/either", authorization: ["Basic b3JkZXJzOng="]) == answer)
            #expect(try await self.call("\(url)/either?access_token=abc") == answer)
        }
        #expect(self.handled.values == [])
    }

    @Test("RFC 6750 §3.1: two headers, two ways and what is no b64token are 400 invalid_request")
    func malformed() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        let answer = Answer(
            status: 400, challenge: Self.realm + ", error=\"invalid_request\"",
            body: "{\"error\":\"malformed_request\"}\n")
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/either", authorization: [bearer, bearer]) == answer)
            #expect(try await self.call("\(url)/either?access_token=abc", authorization: [bearer]) == answer)
            #expect(try await self.call("\(url)/either", authorization: ["Bearer a b"]) == answer)
        }
        #expect(self.handled.values == [])
    }

    private func invalid(_ reason: String, _ label: String? = nil) -> Answer {
        Answer(
            status: 401,
            challenge: Self.realm + ", error=\"invalid_token\", error_description=\"\(reason)\"",
            body: "{\"error\":\"\(label ?? "access_token.\(reason)")\"}\n")
    }

    @Test("RFC 6750 §3.1: a token for another service, of another peer, expired or revoked is 401 invalid_token")
    func refused() async throws {
        let issuer = self.services.issuer
        let other = try issuer.token(audience: TestServices.refunds)
        let right = try issuer.token()
        try await self.withServer { url async throws in
            #expect(
                try await self.call("\(url)/either", authorization: ["Bearer \(other)"])
                    == self.invalid(
                        "audience_mismatch"))
            #expect(
                try await self.call("\(url)/either", as: self.services.thief, authorization: ["Bearer \(right)"])
                    == self.invalid("peer_mismatch"))
            #expect(try await self.call("\(url)/either", authorization: ["Bearer \(right)"]).status == 200)
            try issuer.publish([issuer.revocation(.token("t-1"))])
            #expect(
                try await self.call("\(url)/either", authorization: ["Bearer \(right)"]) == self.invalid("revoked"))
            issuer.time.advance(by: .seconds(600))
            try issuer.publish()
            #expect(
                try await self.call("\(url)/either", authorization: ["Bearer \(right)"]) == self.invalid("expired"))
        }
        #expect(self.handled.values == ["GET /either"])
    }

    @Test("names in headers prove nothing: the caller is whom its certificate and its token name")
    func namesInHeaders() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        let names = ["X-Service-Name": "orders", "X-Forwarded-Client-Cert": "URI=\(TestIssuer.orders)"]
        let others = ["X-Service-Name": "thief", "X-Service-Scopes": "payments:admin"]
        try await self.withServer { url async throws in
            #expect(
                try await self.call(
                    "\(url)/either", as: self.services.thief, authorization: [bearer], headers: names)
                    == self.invalid("peer_mismatch"))
            #expect(
                try await self.call("\(url)/either", authorization: [bearer], headers: others)
                    == Answer(status: 200, challenge: nil, body: TestIssuer.orders))
            #expect(
                try await self.call("\(url)/owners/nobody", authorization: [bearer], headers: others).status == 403)
        }
    }

    @Test("WIT-44: a WIT-SVID in Authorization, or in its own field, is no token, whoever signed it")
    func workloadIdentityToken() async throws {
        let token = try self.services.issuer.token(type: "wit+jwt")
        try await self.withServer { url async throws in
            #expect(
                try await self.call("\(url)/either", authorization: ["Bearer \(token)"])
                    == self.invalid("unsupported_type"))
            #expect(
                try await self.call("\(url)/either", headers: ["Workload-Identity-Token": token])
                    == Answer(status: 401, challenge: Self.realm, body: "{\"error\":\"missing_token\"}\n"))
            #expect(try await self.call("\(url)/either", authorization: ["WIT \(token)"]).status == 401)
        }
        #expect(self.handled.values == [])
    }

    @Test("a token that is too long is refused, and nobody else is")
    func oversized() async throws {
        try await self.withServer { url async throws in
            let long = String(repeating: "a", count: 20_000)
            #expect(try await self.call("\(url)/either", authorization: ["Bearer \(long)"]).status == 401)
            let token = try self.services.issuer.token()
            #expect(try await self.call("\(url)/either", authorization: ["bearer \(token)"]).status == 200)
        }
    }

    @Test("RFC 6750 §3.1: without the scopes 403 insufficient_scope, which names those that are needed")
    func scopes() async throws {
        let create = try self.services.issuer.token()
        let none = try self.services.issuer.token(scope: "refunds:create", id: "t-2")
        let needed = Self.realm + ", error=\"insufficient_scope\", scope=\"payments:create payments:read\""
        let answer = Answer(
            status: 403, challenge: needed, body: "{\"error\":\"access_token.insufficient_scope\"}\n")
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/both", .POST, authorization: ["Bearer \(create)"]) == answer)
            #expect(try await self.call("\(url)/either", authorization: ["Bearer \(create)"]).status == 200)
            #expect(try await self.call("\(url)/either", authorization: ["Bearer \(none)"]) == answer)
        }
    }

    @Test("a route without a rule refuses the best of tokens, and its handler never runs")
    func noRule() async throws {
        let token = try self.services.issuer.token()
        try await self.withServer { url async throws in
            let answer = Answer(status: 403, challenge: nil, body: "{\"error\":\"no_rule\"}\n")
            #expect(try await self.call("\(url)/forgotten", authorization: ["Bearer \(token)"]) == answer)
            #expect(try await self.call("\(url)/nowhere", authorization: ["Bearer \(token)"]).status == 404)
        }
        #expect(self.handled.values == [])
    }

    @Test("only the route that was exempted demands nothing")
    func exempt() async throws {
        #expect(self.router().exemptRoutes == ["GET /healthz"])
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/healthz").status == 200)
            for path in ["both", "either", "open", "owners/orders", "forgotten"] {
                let method: HTTPMethod = path == "both" ? .POST : .GET
                #expect([401, 403].contains(try await self.call("\(url)/\(path)", method).status))
            }
        }
        #expect(self.handled.values == ["GET /healthz"])
        // What is exempt leaves no record; what is refused leaves one.
        #expect(self.services.audit.events.values.count == 5)
    }

    @Test("a state that is too old closes each route by its own rule, and an open one only for a while")
    func staleness() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer { url async throws in
            self.services.issuer.time.advance(by: .seconds(60))
            #expect(try await self.call("\(url)/open", authorization: [bearer]).status == 200)
            #expect(
                try await self.call("\(url)/either", authorization: [bearer])
                    == Answer(
                        status: 503, challenge: nil, body: "{\"error\":\"state_too_old\"}\n", retryAfter: "5"))
            self.services.issuer.time.advance(by: .seconds(1))
            #expect(try await self.call("\(url)/open", authorization: [bearer]).status == 503)
            // Open is for what is not known, never for what is wrong.
            let wrong = try self.services.issuer.token(audience: TestServices.refunds)
            #expect(try await self.call("\(url)/open", authorization: ["Bearer \(wrong)"]).status == 401)
        }
        #expect(self.services.audit.events.values.first?.staleness == .seconds(60))
    }

    @Test("the owner of what is asked for needs no scope, but a token that is right")
    func owner() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token(scope: ""))
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/owners/orders", authorization: [bearer]).status == 200)
            #expect(try await self.call("\(url)/owners/others", authorization: [bearer]).status == 403)
            let thief = self.services.thief
            #expect(try await self.call("\(url)/owners/orders", as: thief, authorization: [bearer]).status == 401)
        }
    }

    @Test("an owner rule keeps what its route says of old states and of observing")
    func ownerRules() async throws {
        let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: self.services.validator)
        let owns: RequestRule<AccessTokenRequestContext>.Owner = { token, _, context in
            token.claims.subject.path == "/\(context.parameters.get("owner") ?? "")"
        }
        router.requireScopes(all: "payments:admin", whenStale: .accept(upTo: .seconds(60)), or: owns)
            .get("lasting/:owner") { _, _ in "" }
        router.requireScopes(any: "payments:admin", mode: .observe, or: owns).get("watched/:owner") { _, _ in "" }
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer(router) { url async throws in
            #expect(try await self.call("\(url)/watched/others", authorization: [bearer]).status == 200)
            #expect(try await self.call("\(url)/lasting/others", authorization: [bearer]).status == 403)
            self.services.issuer.time.advance(by: .seconds(31))
            #expect(try await self.call("\(url)/lasting/orders", authorization: [bearer]).status == 200)
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.observed, .refused, .accepted])
    }

    @Test("middlewares see calls after they were let in, but for those that are added to see every call")
    func middlewares() async throws {
        let router = AuthorizedRouter(context: AccessTokenRequestContext.self, validator: self.services.validator)
        router.addBeforeAuthorization(middleware: Noting(name: "before", noted: self.handled))
        router.add(middleware: Noting(name: "after", noted: self.handled))
        router.requireScopes(all: "payments:create").get("payments") { _, _ in "" }
        router.get("forgotten") { _, _ in "" }
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer(router) { url async throws in
            #expect(try await self.call("\(url)/payments").status == 401)
            #expect(try await self.call("\(url)/forgotten", authorization: [bearer]).status == 403)
            #expect(self.handled.values == ["before", "before"])
            #expect(try await self.call("\(url)/payments", authorization: [bearer]).status == 200)
        }
        #expect(self.handled.values == ["before", "before", "before", "after as \(TestIssuer.orders)"])
    }

    /// Notes what it sees.
    private struct Noting: RouterMiddleware {
        let name: String
        let noted: Recorded<String>

        func handle(
            _ request: Request, context: AccessTokenRequestContext,
            next: @concurrent (Request, AccessTokenRequestContext) async throws -> Response
        ) async throws -> Response {
            self.noted.append(self.name + (context.accessToken.map { " as \($0.claims.subject.uri)" } ?? ""))
            return try await next(request, context)
        }
    }

    @Test("a route that observes lets everybody pass, and the report says who would not have, and why")
    func observe() async throws {
        let bearer = "Bearer " + (try self.services.issuer.token())
        try await self.withServer { url async throws in
            #expect(try await self.call("\(url)/old/1", authorization: [bearer]).body == TestIssuer.orders)
            #expect(try await self.call("\(url)/old/2").body == "nobody")
            #expect(try await self.call("\(url)/old/3", as: self.services.thief, authorization: [bearer]).status == 200)
            #expect(try await self.call("\(url)/old/4", as: self.services.thief, authorization: [bearer]).status == 200)
            // A route that enforces is no part of the report.
            #expect(try await self.call("\(url)/either").status == 401)
        }
        let report = self.services.report.snapshot()
        #expect(
            report.lines.map { "\($0.caller?.uri ?? "") \($0.route) \($0.reason ?? "accepted") \($0.calls)" } == [
                "\(TestIssuer.orders) GET /old/{id} accepted 1",
                "\(TestIssuer.orders) GET /old/{id} missing_token 1",
                "spiffe://example.org/thief GET /old/{id} access_token.peer_mismatch 2",
            ])
        #expect(report.callersToMigrate.map(\.uri) == [TestIssuer.orders, "spiffe://example.org/thief"])
        #expect(report.unlisted == 0)
    }

    /// What of a stream has come until its end, with a full stop if that was a right one; `change` is made after the first
    /// part.
    private func stream(
        _ url: String, _ bearer: String, _ change: @Sendable () async throws -> Void
    ) async throws -> String {
        try await withSPIFFEHTTPClient(
            source: self.services.orders, policy: .memberOf(self.services.policy)
        ) { client async throws in
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "Authorization", value: bearer)
            let response = try await client.execute(request, timeout: .seconds(30))
            #expect(response.status == .ok)
            var text = ""
            do {
                for try await part in response.body {
                    if text.isEmpty { try await change() }
                    text += String(buffer: part)
                }
                return text + "."
            } catch {
                return text
            }
        }
    }

    @Test("a stream ends before its next part when its token has expired or was revoked, and else goes on")
    func streamEnds() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { url async throws in
            let whole = try await self.stream("\(url)/stream", bearer) { self.gate.publish(true) }
            #expect(whole == "firstsecond.")
            self.gate.publish(false)
            let revoked = try await self.stream("\(url)/stream", bearer) {
                try issuer.publish([issuer.revocation(.key("at-1"))])
                self.gate.publish(true)
            }
            #expect(revoked == "first")
            #expect(self.services.audit.events.values.last?.reason == "access_token.revoked")
            try issuer.publish()
            self.gate.publish(false)
            let expired = try await self.stream("\(url)/stream", bearer) {
                issuer.time.set(to: issuer.time.now.addingTimeInterval(600))
                try issuer.publish()
                self.gate.publish(true)
            }
            #expect(expired == "first")
            #expect(self.services.audit.events.values.last?.reason == "access_token.expired")
        }
    }

    @Test("a stream on which nothing passes ends within a second after its token is revoked")
    func idleStreamEnds() async throws {
        let issuer = self.services.issuer
        let bearer = "Bearer " + (try issuer.token())
        try await self.withServer { url async throws in
            let idle = try await self.stream("\(url)/stream?idle=1", bearer) {
                try await issuer.time.waitForSleepers(1)
                issuer.time.advance(by: .seconds(1))
                try await issuer.time.waitForSleepers(1)
                try issuer.publish([issuer.revocation(.token("t-1"))])
                issuer.time.advance(by: .seconds(1))
            }
            #expect(idle == "first")
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.accepted, .refused])
        #expect(self.services.audit.events.values.last?.reason == "access_token.revoked")
    }

    @Test("a client sends the token of its service, whatever the request says")
    func client() async throws {
        let token = try self.services.issuer.token()
        let request = TokenRequest(audience: TestIssuer.payments)
        try await self.withServer { url async throws in
            try await withSPIFFEHTTPClient(
                source: self.services.orders, policy: .memberOf(self.services.policy)
            ) { client async throws in
                var wrong = HTTPClientRequest(url: "\(url)/either")
                wrong.headers.add(name: "authorization", value: "Bearer of.something.else")
                wrong.headers.add(name: "Authorization", value: "Basic b3JkZXJzOng=")
                let right = AuthorizedHTTPClient(client, tokens: self.services.tokens(token), for: request)
                #expect(try await right.execute(wrong, timeout: .seconds(10)).status == .ok)
                // Without a token nothing is sent.
                let without = AuthorizedHTTPClient(client, tokens: TokenSource(issuer: NoTokens()), for: request)
                await #expect(throws: NoTokens.Missing.self) { try await without.execute(wrong, timeout: .seconds(10)) }
            }
        }
        #expect(self.services.audit.events.values.map(\.decision) == [.accepted])
    }

    @Test("while the SVID is replaced again and again no call with a bound token is refused")
    func boundUnderRotation() async throws {
        let identity = try RotatingIdentity(self.services.authority)
        let binding = BindingIssuer(issuer: self.services.issuer, identity: identity)
        let tokens = TokenSource(issuer: binding, identity: identity)
        let request = TokenRequest(audience: TestIssuer.payments, scopes: ScopeSet(literal: ["payments:create"]))
        try await self.withServer { url async throws in
            try await withSPIFFEHTTPClient(source: identity, policy: .memberOf(self.services.policy)) {
                client async throws -> Void in
                let payments = AuthorizedHTTPClient(client, tokens: tokens, for: request)
                for _ in 0..<6 {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<4 {
                            group.addTask {
                                for _ in 0..<10 {
                                    let answer = try await payments.execute(
                                        HTTPClientRequest(url: "\(url)/either"), timeout: .seconds(10))
                                    _ = try await answer.body.collect(upTo: 1_024)
                                    #expect(answer.status == .ok)
                                }
                            }
                        }
                        // In the middle of the calls, and between two rounds of them.
                        try identity.rotate()
                        try await group.waitForAll()
                    }
                    let token = try await tokens.token(for: request)
                    #expect(token.certificateSHA256 == identity.current().svid.certificateSHA256)
                }
            }
        }
        let events = self.services.audit.events.values
        #expect(events.count == 240)
        #expect(events.allSatisfy { $0.decision == .accepted && $0.claims?.certificateSHA256 != nil })
        #expect(Set(events.compactMap { $0.claims?.certificateSHA256 }).count >= 6)
    }

    @Test("after 401 invalid_token the next request brings another token, and after 403 it does not")
    func refusedToken() async throws {
        let issuer = self.services.issuer
        let tokens = TokenSource(
            issuer: ListedTokenIssuer(
                try issuer.token(id: "t-1"), try issuer.token(scope: "none", id: "t-2"), try issuer.token(id: "t-3"),
                time: issuer.time),
            instants: issuer.time.instants
        ) { SystemRandomNumberGenerator() }
        try issuer.publish([issuer.revocation(.token("t-1"))])
        let request = TokenRequest(audience: TestIssuer.payments)
        try await self.withServer { url async throws in
            try await withSPIFFEHTTPClient(
                source: self.services.orders, policy: .memberOf(self.services.policy)
            ) { client async throws in
                let client = AuthorizedHTTPClient(client, tokens: tokens, for: request)
                for status in [401, 403, 403] as [UInt] {
                    let request = HTTPClientRequest(url: "\(url)/either")
                    let answer = try await client.execute(request, timeout: .seconds(10))
                    #expect(answer.status.code == status)
                }
            }
        }
        #expect(self.services.audit.events.values.map(\.claims?.tokenID) == ["t-1", "t-2", "t-2"])
    }
}

@Suite("The report of routes that observe")
struct ObservationReportTests {
    @Test("lines beyond the limit are counted, not kept")
    func limit() throws {
        let report = ObservationReport(maxLines: 1)
        let services = try TestServices()
        let validator = TokenValidator(
            rules: services.validator.rules, state: services.issuer, maxStaleness: .seconds(30), audit: report,
            instants: services.issuer.time.instants)
        let rule = RouteRule(.all(ScopeSet(literal: ["payments:create"])), mode: .observe)
        for (peer, route) in [("orders", "a"), ("orders", "a"), ("orders", "b"), ("thief", "a")] {
            let peer = try TestIssuer.peer("spiffe://example.org/\(peer)")
            try validator.validate(authorization: [], from: peer, by: rule, route: route)
        }
        #expect(report.snapshot().lines.map(\.calls) == [2])
        #expect(report.snapshot().unlisted == 2)
    }
}
