import AccessTokens
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
        #expect(try total("signet_authorization_repeated_total", []) == 1)
        #expect(metrics.counters.count { $0.label == calls } == 2)
        #expect(try metrics.expectTimer("signet_authorization_validation_seconds").values.count == 4)
    }
}
