import AccessTokens
import AuthorizationOAuth
import Crypto
import FoundationEssentials
import Logging
import MetricsTestKit
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing

@Suite("The keys of an issuer by its jwks_uri", .timeLimit(.minutes(1)))
struct JWKSetStateTests {
    private let time = ManualInstants()
    private let endpoint = ScriptedEndpoint()
    private let metrics = TestMetrics()
    private let issuer: TestIssuer
    private let state: JWKSetState

    init() throws {
        self.issuer = try TestIssuer(time: self.time)
        self.state = JWKSetState(
            issuer: TestIssuer.issuer, url: { "https://issuer.example.org/jwks" }, client: self.endpoint.client,
            keptFor: .seconds(3_600),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), instants: self.time.instants,
            metrics: self.metrics
        ) { NoChance() }
        self.endpoint.answer(self.published)
    }

    private var published: String { keySet(["at-1": self.issuer.key.publicKey]) }
    private var fetches: Int { self.endpoint.requests.values.count }

    /// Runs the service while `body` does.
    private func whileRunning(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.state.run() }
            try await body()
            group.cancelAll()
        }
    }

    /// Moves time once the service sleeps.
    private func pass(_ seconds: Int) async throws {
        try await self.time.waitForSleepers(1)
        self.time.advance(by: .seconds(seconds))
    }

    private func validator(maxStaleness: Duration = .seconds(900)) throws -> TokenValidator {
        TokenValidator(
            rules: AccessTokenRules(
                issuer: TestIssuer.issuer, audience: TestIssuer.payments,
                trustDomains: [try TrustDomain(parsing: "example.org")]),
            state: self.state, maxStaleness: maxStaleness, audit: RecordedAudit(), instants: self.time.instants)
    }

    private func call(_ validator: TokenValidator) throws {
        try validator.validate(
            authorization: ["Bearer " + self.issuer.token()], from: TestIssuer.peer(),
            by: RouteRule(.all(ScopeSet(parsing: "payments:create"))), route: "POST /payments")
    }

    @Test("metrics: fetches by their result, and the moment of the last good one")
    func metered() async throws {
        let issuer = ("iss", TestIssuer.issuer)
        @Sendable func count(_ result: String) throws -> Int64 {
            try self.metrics.expectCounter("signet_jwk_set_fetches_total", [issuer, ("result", result)]).totalValue
        }
        try await self.whileRunning {
            try await self.time.waitForSleepers(1)
            let start = self.time.now.timeIntervalSince1970
            self.endpoint.goAway()
            // The pause is in two parts, and each failure has one of its own.
            for seconds in [30, 570, 1, 2] { try await self.pass(seconds) }
            try await self.time.waitForSleepers(1)
            #expect(try count("fetched") == 1)
            #expect(try count("failed") == 3)
            let known = try self.metrics.expectGauge("signet_jwk_set_known_at_seconds", [issuer])
            #expect(known.lastValue == start)
            self.endpoint.answer(self.published)
            try await self.pass(4)
            try await self.time.waitForSleepers(1)
            #expect(try count("fetched") == 2)
            #expect(known.lastValue == self.time.now.timeIntervalSince1970)
        }
    }

    @Test("a service validates with the keys that were fetched, and says how old they are")
    func fetched() async throws {
        let validator = try self.validator()
        #expect(throws: TokenRefusal.noState) { try self.call(validator) }
        try await self.whileRunning {
            try await self.time.waitForSleepers(1)
            try self.call(validator)
            let state = try #require(self.state.currentState())
            #expect(state.knownAt == self.time.now)
            #expect(state.revocations.count == 0)
            #expect(state.keys.keyIDs == ["at-1"])
            let request = try #require(self.endpoint.requests.values.first)
            #expect(request.method == "GET" && request.url == "https://issuer.example.org/jwks")
            // A route whose limit is shorter than the interval says so.
            self.time.advance(by: .seconds(40))
            let strict = try self.validator(maxStaleness: .seconds(30))
            #expect(throws: TokenRefusal.stateTooOld(age: .seconds(40))) { try self.call(strict) }
            try self.call(validator)
        }
    }

    @Test("the set is fetched every ten minutes")
    func interval() async throws {
        try await self.whileRunning {
            try await self.pass(30)
            try await self.pass(569)
            try await self.time.waitForSleepers(1)
            #expect(self.fetches == 1)
            self.endpoint.answer(keySet(["at-2": self.issuer.key.publicKey]))
            self.time.advance(by: .seconds(1))
            try await waitUntil { self.state.currentState()?.keys.keyIDs == ["at-2"] }
            #expect(self.fetches == 2)
        }
    }

    @Test("an unknown kid has the set fetched once it is thirty seconds old, however often it comes")
    func unknownKey() async throws {
        self.endpoint.answer(keySet(["at-0": self.issuer.key.publicKey]))
        let validator = try self.validator()
        try await self.whileRunning {
            try await self.time.waitForSleepers(1)
            for _ in 0..<1_000 {
                #expect(throws: TokenRefusal.token(.unknownKeyID("at-1"))) { try self.call(validator) }
            }
            self.time.advance(by: .seconds(29))
            // It sleeps to the end of the thirty seconds, not for the interval, and nothing wakes it before.
            #expect(self.time.nextDeadline == self.time.now.addingTimeInterval(1))
            #expect(self.fetches == 1)
            self.endpoint.answer(self.published)
            self.time.advance(by: .seconds(1))
            try await waitUntil { self.fetches == 2 && self.state.currentState()?.keys.keyIDs == ["at-1"] }
            try self.call(validator)
            // Nothing is left of it: the next fetch is for the interval.
            try await self.pass(30)
            try await self.pass(569)
            try await self.time.waitForSleepers(1)
            #expect(self.fetches == 2)
        }
    }

    @Test("while the issuer is away the last good set stays to its limit, and what fails is tried again")
    func issuerAway() async throws {
        let validator = try self.validator(maxStaleness: .seconds(7_200))
        try await self.whileRunning {
            try await self.pass(30)
            self.endpoint.goAway()
            try await self.pass(570)
            try await waitUntil { self.fetches == 2 }
            try await self.pass(1)
            try await waitUntil { self.fetches == 3 }
            try self.call(validator)
            try await self.time.waitForSleepers(1)
            self.time.set(to: self.time.now.addingTimeInterval(3_600 - 601))
            try self.call(validator)
            self.time.set(to: self.time.now.addingTimeInterval(1))
            #expect(throws: TokenRefusal.noState) { try self.call(validator) }
            self.endpoint.answer(self.published)
            self.time.advance(by: .seconds(2))
            try await waitUntil { self.state.currentState() != nil }
            try self.call(validator)
        }
    }

    @Test(
        "an answer that is no JWK Set leaves the last good one in force",
        arguments: [
            (200, "{}"), (200, "no JSON"), (500, "{\"keys\":[]}"), (301, ""),
            (200, "{\"keys\":[]," + String(repeating: " ", count: 65_536) + "\"a\":1}"),
        ] as [(UInt, String)])
    func badAnswers(status: UInt, body: String) async throws {
        let validator = try self.validator()
        try await self.whileRunning {
            try await self.pass(30)
            self.endpoint.answer(body, status: status)
            try await self.pass(570)
            try await waitUntil { self.fetches == 2 }
            try await self.time.waitForSleepers(1)
            #expect(self.state.currentState()?.keys.keyIDs == ["at-1"])
            try self.call(validator)
            #expect(self.state.currentState()?.age(now: self.time.now) == .seconds(600))
        }
    }

    @Test("who waits for keys is told when there are none in time")
    func notReady() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: OAuthClientError.timedOut) {
                    try await self.state.waitUntilReady(timeout: .seconds(5))
                }
            }
            try await self.pass(5)
            try await group.waitForAll()
        }
        try await self.whileRunning { try await self.state.waitUntilReady() }
    }
}
