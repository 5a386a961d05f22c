import AccessTokens
public import Metrics
import SPIFFE

/// Counts decisions with swift-metrics.
///
/// `signet_authorization_decisions_total` by `decision`, `reason`, `route`; `signet_authorization_calls_total` by `caller`,
/// `callee`, `decision`; `signet_authorization_unauthorized_total` (refused with 401) by `iss` and `kid`, which are the
/// expected issuer and `unknown` where no signature was right; `signet_authorization_stale_total` by `route` (passed although
/// the state was too old); `signet_authorization_validation_seconds`; `signet_authorization_repeated_total` (the hits of
/// the cache).
public struct AuditMetrics: AuditSink {
    private let factory: any MetricsFactory

    /// - Parameter factory: Default: the one that the process has chosen until now.
    public init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
    }

    public func record(_ event: AuthorizationEvent) {
        let decision = ("decision", event.decision.rawValue)
        Counter(
            label: "signet_authorization_decisions_total",
            dimensions: [decision, ("reason", event.reason ?? ""), ("route", event.route)], factory: self.factory
        ).increment()
        // What a token says is counted only when it was signed, so that nobody can invent new series.
        if let claims = event.claims {
            Counter(
                label: "signet_authorization_calls_total",
                dimensions: [("caller", claims.subject.uri), ("callee", claims.audience), decision],
                factory: self.factory
            ).increment()
        }
        if event.decision == .refused, event.status == 401 {
            let proved = event.claims.flatMap { claims in event.keyID.map { (claims.issuer, $0) } }
            let (issuer, keyID) = proved ?? (event.expectedIssuer, "unknown")
            Counter(
                label: "signet_authorization_unauthorized_total",
                dimensions: [("iss", issuer), ("kid", keyID)], factory: self.factory
            ).increment()
        }
        if event.staleness != nil {
            Counter(
                label: "signet_authorization_stale_total", dimensions: [("route", event.route)], factory: self.factory
            ).increment()
        }
        Timer(label: "signet_authorization_validation_seconds", factory: self.factory).record(duration: event.latency)
        if event.isRepeated { Counter(label: "signet_authorization_repeated_total", factory: self.factory).increment() }
    }
}
