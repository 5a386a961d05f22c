public import AccessTokens
import FoundationEssentials
import JOSE
package import Rotation
import Synchronization

/// Judges the tokens of incoming calls: signature, issuer, audience, time, binding to the peer, revocation, scope.
///
/// Costs no call to anybody: keys and revocations come from the `TokenStateSource`, which is up to date or says how old
/// it is. A token that was validated is kept, so that the next call with it costs a hash instead of a signature; time,
/// revocation, key and binding are checked at every call all the same. Each decision is recorded once.
///
/// ```swift
/// let validator = TokenValidator(
///     rules: AccessTokenRules(issuer: issuer, audience: payments.uri, trustDomains: [payments.trustDomain]),
///     state: agentTokenState, audit: JSONLinesAudit.standardOutput)
/// let token = try validator.validate(
///     authorization: request.headers[.authorization], from: peer, by: RouteRule(.all(create)), route: "POST /payments")
/// ```
public final class TokenValidator: Sendable {
    /// How many validated tokens are kept.
    public static let maxKeptTokens = 10_000
    /// How long a validated token is kept without checking its signature again.
    public static let keptFor: Duration = .seconds(300)
    /// How old the state of revocations may be unless another limit is given.
    public static let defaultMaxStaleness: Duration = .seconds(30)

    /// How often a call that goes on is judged.
    public static let judgedEvery: Duration = .seconds(1)

    public let rules: AccessTokenRules
    public let maxStaleness: Duration
    private let state: any TokenStateSource
    private let audit: any AuditSink
    private let instants: Instants
    private let kept: Mutex<RecentlyKnown<AccessToken>>

    /// - Parameters:
    ///   - rules: What this service demands of every token.
    ///   - state: Where keys and revocations come from.
    ///   - maxStaleness: How old the state may be before the route's ``StalenessRule`` applies. Default: 30 s.
    ///   - audit: Gets a record of each decision.
    public convenience init(
        rules: AccessTokenRules, state: any TokenStateSource,
        maxStaleness: Duration = TokenValidator.defaultMaxStaleness,
        audit: any AuditSink
    ) {
        self.init(rules: rules, state: state, maxStaleness: maxStaleness, audit: audit, instants: .system)
    }

    package init(
        rules: AccessTokenRules, state: any TokenStateSource, maxStaleness: Duration, audit: any AuditSink,
        instants: Instants, maxKeptTokens: Int = TokenValidator.maxKeptTokens
    ) {
        self.rules = rules
        self.state = state
        self.maxStaleness = maxStaleness
        self.audit = audit
        self.instants = instants
        self.kept = Mutex(RecentlyKnown(capacity: maxKeptTokens))
    }

    /// How many validated tokens are kept now.
    package var keptCount: Int { self.kept.withLock { $0.count } }

    /// Judges a call by its `Authorization` headers.
    ///
    /// - Parameters:
    ///   - values: The values of all `Authorization` headers.
    ///   - peer: The verified TLS peer of the connection; nil refuses.
    ///   - rule: What the route demands; nil, when nobody wrote a rule, refuses.
    ///   - route: The name of the route in records: one of a bounded set.
    /// - Returns: The token; nil when the route only observes and the call would have been refused.
    /// - Throws: ``TokenRefusal``.
    @discardableResult
    public func validate(
        authorization values: [String], from peer: TokenPeer?, by rule: RouteRule?, route: String
    ) throws(TokenRefusal) -> AccessToken? {
        var judgement = Judgement(start: .now, time: self.instants.now())
        do throws(TokenRefusal) {
            guard let rule else { throw .noRule }
            let token = try BearerCredentials.token(authorization: values)
            guard let peer else { throw .noPeer }
            let accessToken = try self.judge(token, peer: peer, rule: rule, &judgement)
            self.record(judgement, .accepted, nil, route: route, isObserving: rule.mode == .observe, peer: peer)
            return accessToken
        } catch {
            let isObserved = rule?.mode == .observe
            self.record(
                judgement, isObserved ? .observed : .refused, error, route: route, isObserving: isObserved,
                peer: peer)
            guard isObserved else { throw error }
            return nil
        }
    }

    /// Judges again a call that goes on, such as a stream, by what is known now.
    ///
    /// To be called with the token that ``validate(authorization:from:by:route:)`` returned for this peer, as often as
    /// something of the call comes or goes: it costs a look at the time and the revocations. Recorded when it refuses.
    ///
    /// - Throws: ``TokenRefusal``; never where the rule only observes.
    public func validateAgain(
        _ token: AccessToken, from peer: TokenPeer, by rule: RouteRule, route: String
    ) throws(TokenRefusal) {
        var judgement = Judgement(start: .now, time: self.instants.now())
        judgement.keyID = token.keyID
        judgement.claims = token.claims
        judgement.isRepeated = true
        do throws(TokenRefusal) {
            guard let state = self.state.currentState() else { throw .noState }
            guard state.issuer == self.rules.issuer else { throw .stateOfOtherIssuer }
            do {
                try token.check(
                    from: peer, keys: state.keys, rules: self.rules, revocations: state.revocations,
                    now: judgement.time)
            } catch {
                throw .token(error)
            }
            _ = try self.staleness(of: state, rule: rule.whenStale, now: judgement.time)
        } catch {
            let isObserved = rule.mode == .observe
            self.record(
                judgement, isObserved ? .observed : .refused, error, route: route, isObserving: isObserved,
                peer: peer)
            guard isObserved else { throw error }
        }
    }

    /// Judges a call that goes on once in ``judgedEvery``, whether something of it comes or goes or not, until it is to be
    /// ended.
    ///
    /// - Returns: Why it is refused now. Never where the rule only observes.
    /// - Throws: `CancellationError`.
    public func refusal(
        of token: AccessToken, from peer: TokenPeer, by rule: RouteRule, route: String
    ) async throws -> TokenRefusal {
        while true {
            try await self.instants.sleep(for: Self.judgedEvery)
            guard rule.mode == .enforce else { continue }
            do throws(TokenRefusal) {
                try self.validateAgain(token, from: peer, by: rule, route: route)
            } catch {
                return error
            }
        }
    }

    /// What is found out about a call on the way.
    private struct Judgement {
        let start: ContinuousClock.Instant
        let time: Date
        var keyID: String?
        var claims: AccessTokenClaims?
        var isRepeated = false
        var staleness: Duration?
    }

    private func judge(
        _ token: String, peer: TokenPeer, rule: RouteRule, _ judgement: inout Judgement
    ) throws(TokenRefusal) -> AccessToken {
        let now = judgement.time
        guard let state = self.state.currentState() else { throw .noState }
        guard state.issuer == self.rules.issuer else { throw .stateOfOtherIssuer }
        let accessToken: AccessToken
        do {
            accessToken = try self.verified(token, peer: peer, state: state, &judgement)
            try rule.check(accessToken)
        } catch {
            if case .unknownKeyID = error { self.state.keyWasUnknown() }
            throw .token(error)
        }
        judgement.staleness = try self.staleness(of: state, rule: rule.whenStale, now: now)
        return accessToken
    }

    /// The token with everything checked but scope and staleness.
    private func verified(
        _ token: String, peer: TokenPeer, state: TokenState, _ judgement: inout Judgement
    ) throws(AccessTokenError) -> AccessToken {
        let now = judgement.time
        let key = RecentlySeen.Key(token)
        if let known = self.kept.withLock({ $0.value(of: key, now: now) }) {
            judgement.isRepeated = true
            judgement.keyID = known.keyID
            judgement.claims = known.claims
            try known.check(
                from: peer, keys: state.keys, rules: self.rules, revocations: state.revocations, now: now)
            return known
        }
        let unverified = try UnverifiedAccessToken(parsing: token, algorithms: self.rules.algorithms)
        judgement.keyID = String(decoding: unverified.keyID.utf8.prefix(64), as: UTF8.self)
        let accessToken = AccessToken(claims: try unverified.verify(with: state.keys), keyID: unverified.keyID)
        judgement.claims = accessToken.claims
        try accessToken.check(rules: self.rules)
        try accessToken.check(
            from: peer, keys: state.keys, rules: self.rules, revocations: state.revocations, now: now)
        let keptUntil = min(accessToken.claims.expiresAt, now.addingTimeInterval(Self.keptFor / .seconds(1)))
        self.kept.withLock { $0.insert(accessToken, for: key, keptUntil: keptUntil) }
        return accessToken
    }

    /// How old the state is, when it is older than it should be and the route accepts that; nil when it is young enough.
    private func staleness(
        of state: TokenState, rule: StalenessRule, now: Date
    ) throws(TokenRefusal) -> Duration? {
        guard let age = state.age(now: now) else { throw .stateTooOld(age: nil) }
        guard age > self.maxStaleness else { return nil }
        guard case .accept(let limit) = rule, age <= limit else { throw .stateTooOld(age: age) }
        return age
    }

    private func record(
        _ judgement: Judgement, _ decision: AuthorizationEvent.Decision, _ refusal: TokenRefusal?, route: String,
        isObserving: Bool, peer: TokenPeer?
    ) {
        self.audit.record(
            AuthorizationEvent(
                time: judgement.time, decision: decision, reason: refusal?.label, status: refusal?.httpStatus,
                expectedIssuer: self.rules.issuer, route: route, isOfObservingRoute: isObserving, peer: peer?.id,
                keyID: judgement.keyID, claims: judgement.claims, isRepeated: judgement.isRepeated,
                staleness: judgement.staleness, latency: judgement.start.duration(to: .now)))
    }
}
