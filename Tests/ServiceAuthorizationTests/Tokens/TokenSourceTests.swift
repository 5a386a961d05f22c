import AccessTokens
import FoundationEssentials
import MetricsTestKit
import Rotation
import SPIFFE
import ServiceAuthorization
import Synchronization
import TestSupport
import Testing
import WorkloadAPI

/// An issuer that answers as the test says, and counts.
private final class ScriptedIssuer: AccessTokenIssuer, Sendable {
    let time: ManualInstants
    let calls = Recorded<TokenRequest>()
    let failure = Mutex<(any Error)?>(nil)
    /// Closed while a test wants calls to wait.
    let gate = Watched(true)
    let isBound: Bool
    let lifetime: Double

    init(time: ManualInstants, isBound: Bool = false, lifetime: Double = 600) {
        self.time = time
        self.isBound = isBound
        self.lifetime = lifetime
    }

    func fetchToken(_ request: TokenRequest) async throws -> IssuedAccessToken {
        self.calls.append(request)
        for await isOpen in self.gate.updates() where isOpen { break }
        if let failure = self.failure.withLock({ $0 }) { throw failure }
        return IssuedAccessToken(
            token: "token-\(self.calls.values.count)", audience: request.audience, scopes: request.scopes,
            spiffeID: try SPIFFEID(parsing: "spiffe://example.org/orders"), issuedAt: self.time.now,
            expiresAt: self.time.now.addingTimeInterval(self.lifetime), isCertificateBound: self.isBound)
    }
}

/// Chance that always takes the middle: a refresh at exactly 0.8 of the life.
private struct Middle: RandomNumberGenerator {
    mutating func next() -> UInt64 { 1 << 63 }
}

/// Chance that always takes the latest: a refresh at 0.85 of the life.
private struct Latest: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}

@Suite("The source of tokens", .timeLimit(.minutes(1)))
struct TokenSourceTests {
    private let time = ManualInstants()
    private let issuer: ScriptedIssuer
    private let source: TokenSource
    private let payments = TokenRequest(audience: "spiffe://example.org/payments")

    init() {
        self.issuer = ScriptedIssuer(time: self.time)
        self.source = TokenSource(issuer: self.issuer, instants: self.time.instants) { Middle() }
    }

    private func token() async throws -> String { try await self.source.token(for: self.payments).token }

    @Test("a thousand calls make one request")
    func cached() async throws {
        for _ in 0..<1_000 { #expect(try await self.token() == "token-1") }
        #expect(self.issuer.calls.values.count == 1)
    }

    @Test("a token is fetched again at 0.8 of its life")
    func refresh() async throws {
        _ = try await self.token()
        self.time.advance(by: .seconds(479))
        #expect(try await self.token() == "token-1")
        #expect(self.issuer.calls.values.count == 1)
        self.time.advance(by: .seconds(1))
        // Who asks first is not made to wait.
        #expect(try await self.token() == "token-1")
        try await self.becomes("token-2", after: "token-1")
    }

    /// Waits until what is fetched in the background is there; until then another token serves.
    private func becomes(_ next: String, after previous: String, from source: TokenSource? = nil) async throws {
        while true {
            try Task.checkCancellation()
            let token = try await (source ?? self.source).token(for: self.payments).token
            guard token != next else { return }
            #expect(token == previous)
            await Task.yield()
        }
    }

    @Test("an issuer that never answers holds up nobody who has a token, and is asked once")
    func hanging() async throws {
        _ = try await self.token()
        self.issuer.gate.publish(false)
        self.time.advance(by: .seconds(480))
        for _ in 1...100 { #expect(try await self.token() == "token-1") }
        #expect(self.issuer.calls.values.count == 2)
        // Whoever waited for it has waited already.
        self.time.advance(by: .seconds(61))
        #expect(try await self.token() == "token-1")
        self.issuer.gate.publish(true)
        try await self.becomes("token-2", after: "token-1")
        #expect(self.issuer.calls.values.count == 2)
    }

    @Test("with 59 seconds left another token is fetched before use; with 60 of 300 at the latest it is fetched at all")
    func lastMinute() async throws {
        _ = try await self.token()
        self.time.advance(by: .seconds(541))
        #expect(try await self.token() == "token-2")

        let issuer = ScriptedIssuer(time: self.time, lifetime: 300)
        let latest = TokenSource(issuer: issuer, instants: self.time.instants) { Latest() }
        #expect(try await latest.token(for: self.payments).token == "token-1")
        self.time.advance(by: .seconds(239))
        #expect(try await latest.token(for: self.payments).token == "token-1")
        #expect(issuer.calls.values.count == 1)
        self.time.advance(by: .seconds(1))
        try await self.becomes("token-2", after: "token-1", from: latest)
    }

    @Test("within the last minute a caller waits for one second, and takes the token it has")
    func patience() async throws {
        _ = try await self.token()
        self.issuer.gate.publish(false)
        self.time.advance(by: .seconds(541))
        async let late = self.token()
        try await self.time.waitForSleepers(1)
        self.time.advance(by: .seconds(1))
        #expect(try await late == "token-1")
        self.issuer.gate.publish(true)
        try await self.becomes("token-2", after: "token-1")
        #expect(self.issuer.calls.values.count == 2)
    }

    @Test("a token that a service refuses is replaced before the next call, once")
    func refused() async throws {
        let first = try await self.source.token(for: self.payments)
        for _ in 1...100 { self.source.refused(first, for: self.payments) }
        #expect(try await self.token() == "token-2")
        // Late answers are about a token that is gone.
        self.source.refused(first, for: self.payments)
        #expect(try await self.token() == "token-2")
        #expect(self.issuer.calls.values.count == 2)
    }

    @Test("a service that refuses every token has the issuer asked after 1, 2, 4 … 60 seconds only")
    func refusesEverything() async throws {
        // Chance takes half of what it may off a delay of the source: 0.9 of each.
        for _ in 0..<6_000 {
            let token = try await self.source.token(for: self.payments)
            self.source.refused(token, for: self.payments)
            self.time.advance(by: .milliseconds(100))
        }
        // 0, 0.9, 2.7, 6.3, 13.5, 27.9, 56.7, 110.7 and so on, each 54 s later, in 600 s; and the first.
        #expect((17...19).contains(self.issuer.calls.values.count))
    }

    @Test("a refused token serves while there is no other, and not when the issuer denies it")
    func refusedWhileAway() async throws {
        let token = try await self.source.token(for: self.payments)
        self.issuer.failure.withLock { $0 = WorkloadAPIError.unavailable("away") }
        self.source.refused(token, for: self.payments)
        for _ in 1...10 { #expect(try await self.token() == "token-1") }
        #expect(self.issuer.calls.values.count == 2)
        self.issuer.failure.withLock { $0 = WorkloadAPIError.permissionDenied("no grant") }
        self.time.advance(by: .seconds(1))
        await #expect(throws: WorkloadAPIError.permissionDenied("no grant")) { try await self.token() }
        await #expect(throws: WorkloadAPIError.permissionDenied("no grant")) { try await self.token() }
        #expect(self.issuer.calls.values.count == 3)
    }

    @Test(
        "an answer that is no withdraws the token",
        arguments: [
            (WorkloadAPIError.permissionDenied("no"), true), (.invalidArgument("no"), true),
            (.unimplemented("no"), true),
            (.failed(status: 5, message: "no such service"), true), (.failed(status: 9, message: "no"), true),
            (.failed(status: 13, message: "internal"), false), (.unavailable("away"), false), (.timedOut, false),
        ])
    func denials(_ error: WorkloadAPIError, _ isDenial: Bool) async throws {
        _ = try await self.token()
        self.issuer.failure.withLock { $0 = error }
        self.time.advance(by: .seconds(480))
        if isDenial {
            await #expect(throws: error) { try await self.becomes("token-2", after: "token-1") }
            return
        }
        // It was asked again, and the token serves all the time.
        while self.issuer.calls.values.count < 3 {
            try Task.checkCancellation()
            #expect(try await self.token() == "token-1")
            self.time.advance(by: .milliseconds(10))
            await Task.yield()
        }
    }

    @Test("chance moves that point from 0.75 to 0.85: who began together does not come back together")
    func jitter() async throws {
        var refreshes: Set<Int> = []
        for seed in 0..<200 {
            let time = ManualInstants()
            let issuer = ScriptedIssuer(time: time)
            let source = TokenSource(issuer: issuer, instants: time.instants) { SeededRandom(seed: UInt64(seed)) }
            _ = try await source.token(for: self.payments)
            var seconds = 0
            while issuer.calls.values.count == 1 {
                seconds += 1
                time.advance(by: .seconds(1))
                _ = try await source.token(for: self.payments)
            }
            refreshes.insert(seconds)
        }
        #expect(refreshes.allSatisfy { (450...510).contains($0) })
        // Nearly every second of the minute is somebody's.
        #expect(refreshes.count > 45)
    }

    @Test("a hundred callers at once make one request")
    func singleFlight() async throws {
        self.issuer.gate.publish(false)
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await self.token() } }
            while self.source.waitingCount < 99 { await Task.yield() }
            self.issuer.gate.publish(true)
            for try await token in group { #expect(token == "token-1") }
        }
        #expect(self.issuer.calls.values.count == 1)
    }

    @Test("while the issuer is away the token serves until it expires, and then the reason is given")
    func issuerAway() async throws {
        _ = try await self.token()
        self.issuer.failure.withLock { $0 = WorkloadAPIError.unavailable("away") }
        self.time.advance(by: .seconds(599))
        #expect(try await self.token() == "token-1")
        self.time.advance(by: .seconds(1))
        await #expect(throws: WorkloadAPIError.unavailable("away")) { try await self.token() }
    }

    @Test("while the circuit is open nobody is asked; then one call tries, and it closes")
    func circuit() async throws {
        self.issuer.failure.withLock { $0 = WorkloadAPIError.unavailable("away") }
        for _ in 0..<100 {
            await #expect(throws: WorkloadAPIError.unavailable("away")) { try await self.token() }
        }
        #expect(self.issuer.calls.values.count == 1)
        self.time.advance(by: .seconds(1))
        await #expect(throws: WorkloadAPIError.unavailable("away")) { try await self.token() }
        #expect(self.issuer.calls.values.count == 2)
        self.time.advance(by: .seconds(1))
        await #expect(throws: WorkloadAPIError.unavailable("away")) { try await self.token() }
        #expect(self.issuer.calls.values.count == 2)
        self.issuer.failure.withLock { $0 = nil }
        self.time.advance(by: .seconds(1))
        #expect(try await self.token() == "token-3")
    }

    @Test("a clock that is set back by an hour closes the circuit, and has refusals heard")
    func clockSetBack() async throws {
        self.issuer.failure.withLock { $0 = WorkloadAPIError.unavailable("away") }
        await #expect(throws: WorkloadAPIError.unavailable("away")) { try await self.token() }
        self.time.set(to: self.time.now.addingTimeInterval(-3_600))
        self.issuer.failure.withLock { $0 = nil }
        #expect(try await self.token() == "token-2")
        let second = try await self.source.token(for: self.payments)
        self.source.refused(second, for: self.payments)
        let third = try await self.source.token(for: self.payments)
        self.source.refused(third, for: self.payments)
        #expect(try await self.token() == "token-3")
        self.time.set(to: self.time.now.addingTimeInterval(-3_600))
        self.source.refused(third, for: self.payments)
        #expect(try await self.token() == "token-4")
    }

    @Test("a denial withdraws the token")
    func denied() async throws {
        _ = try await self.token()
        self.issuer.failure.withLock { $0 = WorkloadAPIError.permissionDenied("no grant") }
        self.time.advance(by: .seconds(480))
        await #expect(throws: WorkloadAPIError.permissionDenied("no grant")) {
            try await self.becomes("token-2", after: "token-1")
        }
        await #expect(throws: WorkloadAPIError.permissionDenied("no grant")) { try await self.token() }
        #expect(self.issuer.calls.values.count == 2)
    }

    @Test("metrics: what came of asking")
    func metered() async throws {
        let metrics = TestMetrics()
        let source = TokenSource(issuer: self.issuer, instants: self.time.instants, metrics: metrics) { Middle() }
        _ = try await source.token(for: self.payments)
        _ = try await source.token(for: self.payments)
        self.issuer.failure.withLock { $0 = WorkloadAPIError.unavailable("away") }
        self.time.advance(by: .seconds(480))
        _ = try await source.token(for: self.payments)
        let label = "signet_token_source_fetches_total"
        try await waitUntil { (try? metrics.expectCounter(label, [("result", "failed")])) != nil }
        self.issuer.failure.withLock { $0 = WorkloadAPIError.permissionDenied("no grant") }
        self.time.advance(by: .seconds(30))
        await #expect(throws: WorkloadAPIError.permissionDenied("no grant")) {
            try await self.becomes("token-2", after: "token-1", from: source)
        }
        for result in ["fetched", "failed", "denied"] {
            let counter = try metrics.expectCounter("signet_token_source_fetches_total", [("result", result)])
            #expect(counter.totalValue == 1, "\(result)")
        }
    }

    @Test("each audience and set of scopes has a token of its own")
    func requests() async throws {
        let create = try ScopeSet(parsing: "payments:create")
        _ = try await self.token()
        _ = try await self.source.token(for: TokenRequest(audience: self.payments.audience, scopes: create))
        _ = try await self.source.token(for: TokenRequest(audience: "spiffe://example.org/reports"))
        #expect(self.issuer.calls.values.count == 3)
    }

    @Test("a token that is bound to a certificate is fetched again when that is replaced")
    func certificateBound() async throws {
        let issuer = ScriptedIssuer(time: self.time, isBound: true)
        let source = TokenSource(issuer: issuer, instants: self.time.instants) { Middle() }
        #expect(try await source.token(for: self.payments).token == "token-1")
        source.certificateReplaced()
        #expect(try await source.token(for: self.payments).token == "token-2")
        _ = try await self.token()
        self.source.certificateReplaced()
        #expect(try await self.token() == "token-1")
    }

    @Test("a token is not printed")
    func redacted() async throws {
        let token = try await self.source.token(for: self.payments)
        #expect(!"\(token)".contains("token-1"))
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!dumped.contains("token-1"))
    }
}
