public import AccessTokens
public import FoundationEssentials
public import SPIFFE

/// One decision about one call: the record of it, never the token.
public struct AuthorizationEvent: Hashable, Sendable {
    public enum Decision: String, Hashable, Sendable {
        case accepted
        case refused
        /// It would have been refused, and passed because the route only observes.
        case observed
    }

    public let time: Date
    public let decision: Decision
    /// ``TokenRefusal/label``; nil when the call was accepted.
    public let reason: String?
    /// The status of HTTP that belongs to the reason; nil when the call was accepted.
    public let status: Int?
    /// The issuer whose tokens are expected, whatever a token says.
    public let expectedIssuer: String
    /// The route or method that was called, as the service names it.
    public let route: String
    /// Whether the route only observes: nobody is refused there yet.
    public let isOfObservingRoute: Bool
    /// The TLS peer, where there was one.
    public let peer: SPIFFEID?
    /// The `kid` that the token names; nothing has been proved by it when the token was refused.
    public let keyID: String?
    /// What the token says; nil unless its signature was right.
    public let claims: AccessTokenClaims?
    /// Whether the signature had been checked before.
    public let isRepeated: Bool
    /// How old the state of revocations was, when it was older than allowed.
    public let staleness: Duration?
    /// How long the decision took.
    public let latency: Duration
}

/// Where records of decisions go.
///
/// Called once for every decision, on the task of the call: it should not wait.
public protocol AuditSink: Sendable {
    func record(_ event: AuthorizationEvent)
}

/// Several sinks as one: each gets every record.
public struct AuditSinks: AuditSink {
    private let sinks: [any AuditSink]

    public init(_ sinks: [any AuditSink]) {
        self.sinks = sinks
    }

    public func record(_ event: AuthorizationEvent) {
        for sink in self.sinks { sink.record(event) }
    }
}
