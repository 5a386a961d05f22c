import AccessTokens
import Crypto
import FoundationEssentials
import Metrics
import MetricsTestKit
import SPIFFE
import ServiceAuthorization
import TestSupport
import Testing

@Suite("Metrics of decisions")
struct AuditMetricsTests {
    @Test("decisions, calls by caller and callee, repeated ones, and 401s by issuer and key are counted")
    func counts() throws {
        let services = try TestServices()
        let metrics = TestMetrics()
        let validator = TokenValidator(
            rules: services.validator.rules, state: services.issuer, maxStaleness: .seconds(30),
            audit: AuditMetrics(factory: metrics), instants: services.issuer.time.instants)
        let rule = RouteRule(.all(ScopeSet(literal: ["payments:create"])))
        let token = try services.issuer.token()
        func call(_ token: String) {
            _ = try? validator.validate(
                authorization: ["Bearer " + token], from: TestIssuer.peer(), by: rule, route: "POST /payments")
        }
        call(token)
        call(token)
        call(try services.issuer.token(audience: TestServices.refunds))
        // What is not signed makes no series of callers, issuers and keys.
        call(token + "A")

        func total(_ label: String, _ dimensions: [(String, String)]) throws -> Int64 {
            try metrics.expectCounter(label, dimensions).totalValue
        }
        let route = ("route", "POST /payments")
        #expect(
            try total(
                "signet_authorization_decisions_total", [("decision", "accepted"), ("reason", ""), route]) == 2)
        #expect(
            try total(
                "signet_authorization_decisions_total",
                [("decision", "refused"), ("reason", "access_token.audience_mismatch"), route]) == 1)
        let calls = "signet_authorization_calls_total"
        let caller = ("caller", TestIssuer.orders)
        #expect(try total(calls, [caller, ("callee", TestIssuer.payments), ("decision", "accepted")]) == 2)
        #expect(try total(calls, [caller, ("callee", TestServices.refunds), ("decision", "refused")]) == 1)
        #expect(
            try total(
                "signet_authorization_unauthorized_total", [("iss", TestIssuer.issuer), ("kid", "at-1")]) == 1)
        #expect(
            try total(
                "signet_authorization_unauthorized_total", [("iss", TestIssuer.issuer), ("kid", "unknown")]) == 1)
        #expect(try total("signet_authorization_repeated_total", []) == 1)
        #expect(metrics.counters.count { $0.label == calls } == 2)
        #expect(try metrics.expectTimer("signet_authorization_validation_seconds").values.count == 4)
    }

    @Test("what a route accepted although the state was too old is counted")
    func stale() throws {
        let services = try TestServices()
        let metrics = TestMetrics()
        let validator = TokenValidator(
            rules: services.validator.rules, state: services.issuer, maxStaleness: .seconds(30),
            audit: AuditMetrics(factory: metrics), instants: services.issuer.time.instants)
        let scopes = ScopeSet(literal: ["payments:create"])
        let token = try services.issuer.token()
        func call(_ rule: RouteRule) {
            _ = try? validator.validate(
                authorization: ["Bearer " + token], from: TestIssuer.peer(), by: rule, route: "POST /payments")
        }
        services.issuer.time.advance(by: .seconds(31))
        call(RouteRule(.all(scopes)))
        call(RouteRule(.all(scopes), whenStale: .accept(upTo: .seconds(60))))
        let route = ("route", "POST /payments")
        #expect(try metrics.expectCounter("signet_authorization_stale_total", [route]).totalValue == 1)
        #expect(
            try metrics.expectCounter(
                "signet_authorization_decisions_total",
                [("decision", "refused"), ("reason", "state_too_old"), route]
            ).totalValue == 1)
    }

    @Test("the stream of the agent: how long revocations took, as of when the state is known, and failures")
    func tokenState() throws {
        let metrics = TestMetrics()
        let counted = TokenStateMetrics(factory: metrics)
        var assembly = TokenStateAssembly()
        let issuer = try TestIssuer()
        let now = issuer.time.now
        let keys = keySet(["at-1": issuer.key.publicKey])
        func receive(_ isFull: Bool, _ revokedBefore: [Double]) throws {
            let revocations = revokedBefore.enumerated().map { index, seconds in
                Revocation(
                    .token("t-\(index)-\(seconds)"), revokedAt: now.addingTimeInterval(-seconds),
                    expiresAt: now.addingTimeInterval(900))
            }
            let change = try #require(
                try assembly.receive(
                    TokenStateMessage(
                        issuer: TestIssuer.issuer, keySet: Array(keys.utf8), isFull: isFull, hasMore: false,
                        ageMilliseconds: 2_000, revocations: revocations), now: now))
            counted.received(change, now: now)
        }
        // What is old already when the stream begins tells nothing.
        try receive(true, [500])
        try receive(false, [])
        #expect(metrics.timers.isEmpty)
        // One of a clock that is ahead has taken no time.
        try receive(false, [1.5, -3])
        counted.failed()
        let lag = try metrics.expectTimer("signet_token_state_revocation_lag_seconds")
        #expect(lag.values == [1_500_000_000, 0])
        let known = try metrics.expectGauge("signet_token_state_known_at_seconds")
        #expect(known.lastValue == now.timeIntervalSince1970 - 2)
        #expect(try metrics.expectCounter("signet_token_state_failures_total").totalValue == 1)
    }

    @Test("401s alone are counted as such; what passes although the state is too old is counted by route")
    func statuses() throws {
        let services = try TestServices()
        let metrics = TestMetrics()
        let validator = TokenValidator(
            rules: services.validator.rules, state: services.issuer, maxStaleness: .seconds(30),
            audit: AuditMetrics(factory: metrics), instants: services.issuer.time.instants)
        let create = ScopeRequirement.all(ScopeSet(literal: ["payments:create"]))
        func call(_ scope: String = "payments:create", by rule: RouteRule, as id: String = TestIssuer.orders) throws {
            let token = try services.issuer.token(scope: scope)
            _ = try? validator.validate(
                authorization: ["Bearer " + token], from: TestIssuer.peer(id), by: rule, route: "r")
        }
        // 403, 401 that is only observed, and 503.
        try call("other", by: RouteRule(create))
        try call(by: RouteRule(create, mode: .observe), as: "spiffe://example.org/thief")
        services.issuer.time.advance(by: .seconds(31))
        try call(by: RouteRule(create))
        #expect(metrics.counters.allSatisfy { $0.label != "signet_authorization_unauthorized_total" })
        #expect(metrics.counters.allSatisfy { $0.label != "signet_authorization_stale_total" })
        try call(by: RouteRule(create, whenStale: .accept(upTo: .seconds(60))))
        #expect(try metrics.expectCounter("signet_authorization_stale_total", [("route", "r")]).totalValue == 1)
    }
}
