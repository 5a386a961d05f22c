package import AccessTokens
package import FoundationEssentials
package import Metrics

/// Counts what becomes of the stream of the state of tokens, with swift-metrics.
package struct TokenStateMetrics: Sendable {
    private let factory: any MetricsFactory

    package init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
    }

    /// A change has arrived and is in force.
    package func received(_ change: TokenStateAssembly.Change, now: Date) {
        Gauge(label: "signet_token_state_known_at_seconds", factory: self.factory)
            .record(change.state.knownAt.timeIntervalSince1970)
        // Whoever comes back gets old ones again: how long those took tells nothing of the feed.
        guard !change.isFull, !change.added.isEmpty else { return }
        let lag = Timer(label: "signet_token_state_revocation_lag_seconds", factory: self.factory)
        for revocation in change.added {
            lag.record(duration: .seconds(max(0, now.timeIntervalSince(revocation.revokedAt))))
        }
    }

    /// A message could not be used, or the stream has ended.
    package func failed() {
        Counter(label: "signet_token_state_failures_total", factory: self.factory).increment()
    }
}
