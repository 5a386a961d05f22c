package import FoundationEssentials
import Rotation

/// One token of a ``TokenSource`` through time: when it is used, when another is asked for, and when nobody is asked.
///
/// A pure value. The circuit is its rule that after a failure nobody is asked before a moment that moves further away
/// with each failure; then one call tries, and the others wait for its outcome.
///
/// While there is a token that can be used, one caller has another fetched in the background, and nobody waits for it
/// but those who need it soon: see ``Refresh``.
package struct TokenLife: Sendable {
    /// What a caller does.
    package enum Step: Sendable {
        /// It uses this token.
        case use(IssuedAccessToken)
        /// It uses this token as well, while another one is fetched.
        case refresh(Refresh)
        /// It asks for a token and waits for it.
        case fetch
        /// It fails at once: asking has failed a moment ago.
        case fail(any Error)
    }

    /// A token that can be used and is to be replaced.
    package struct Refresh: Sendable {
        package let token: IssuedAccessToken
        /// Whether this caller has another one fetched, in the background; said to one caller until that has ended.
        package let begins: Bool
        /// Whether the caller waits for the other one, for at most ``patience``: a service has refused this one, or it
        /// expires within ``buffer``.
        package let waits: Bool
    }

    /// The part of a token's life after which another is asked for.
    package static let refreshPoint = 0.8
    /// How much chance moves that point, either way.
    package static let jitter = 0.05
    /// The least time between two requests for the same token that both succeed.
    package static let minimumInterval: TimeInterval = 5
    /// How long before its end a token is replaced at the latest, and waited for; not where it lives for less than twice
    /// as long.
    package static let buffer: TimeInterval = 60
    /// How long a caller that has a token waits for a better one.
    package static let patience: Duration = .seconds(1)

    private var token: IssuedAccessToken?
    private var refreshAt = Date.distantPast
    /// When the request that is under way was begun.
    private var askedAt: Date?
    /// Why asking has failed, and when nobody is asked again: a clock that was set back to before ends that time.
    private var failure: (error: any Error, pause: Range<Date>)?
    private var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
    /// Whether a service has refused the token.
    private var isRefused = false
    /// When what services refuse is no cause to ask.
    private var refusalPause: Range<Date>?
    private var refusals = Backoff(initial: .seconds(1), maximum: .seconds(60))

    package init() {}

    /// Whether there is nothing worth keeping.
    package func isEmpty(now: Date) -> Bool {
        let isExpired = self.token.map { $0.expiresAt <= now } ?? true
        return isExpired && self.recentError(now: now) == nil
    }

    /// What a caller does at this moment.
    ///
    /// Whoever is told that a refresh begins has ``fetched(_:now:using:)``, ``failed(_:now:using:)`` or ``ended()``
    /// follow.
    package mutating func step(now: Date) -> Step {
        let usable = self.token.flatMap { now < $0.expiresAt ? $0 : nil }
        if let usable, now < self.refreshAt, !self.isRefused { return .use(usable) }
        if let error = self.recentError(now: now) { return usable.map(Step.use) ?? .fail(error) }
        guard let usable else { return .fetch }
        let begins = self.askedAt == nil
        let askedAt = self.askedAt ?? now
        self.askedAt = askedAt
        // A clock that was set back makes nobody wait for longer.
        let waitsUntil = askedAt.addingTimeInterval(Self.patience / .seconds(1))
        let waits = (self.isRefused || Self.isLate(usable, now: now)) && (askedAt...waitsUntil).contains(now)
        return begins || waits ? .refresh(Refresh(token: usable, begins: begins, waits: waits)) : .use(usable)
    }

    /// What has come meanwhile, for the one who is about to ask; nil when asking is still of use.
    package func settled(now: Date) -> Result<IssuedAccessToken, any Error>? {
        if let token, now < token.expiresAt, now < self.refreshAt, !self.isRefused { return .success(token) }
        return self.recentError(now: now).map { .failure($0) }
    }

    /// What asking has failed with, while nobody is asked for it.
    private func recentError(now: Date) -> (any Error)? {
        self.failure.flatMap { $0.pause.contains(now) ? $0.error : nil }
    }

    /// Takes a new token.
    package mutating func fetched(
        _ token: IssuedAccessToken, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        let point = Self.refreshPoint + Self.jitter * (2 * generator.fraction() - 1)
        let life = token.expiresAt.timeIntervalSince(token.issuedAt)
        var due = token.issuedAt.addingTimeInterval(life * point)
        if life > 2 * Self.buffer { due = min(due, token.expiresAt.addingTimeInterval(-Self.buffer)) }
        // Services that refuse each token are heard less and less; one token that nobody has refused is enough.
        if self.token != nil, !self.isRefused { self.refusals.reset() }
        self.refreshAt = max(due, now.addingTimeInterval(Self.minimumInterval))
        self.token = token
        self.isRefused = false
        self.failure = nil
        self.backoff.reset()
        self.ended()
    }

    /// Takes note that asking has failed.
    package mutating func failed(
        _ error: any Error, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.failure = (error, Self.pause(self.backoff.next(using: &generator), from: now))
        self.ended()
    }

    /// Takes note that no request is under way any more.
    package mutating func ended() {
        self.askedAt = nil
    }

    /// Forgets the token, because the issuer denies it or it is known to be revoked.
    package mutating func withdraw() {
        self.token = nil
        self.refreshAt = .distantPast
        self.isRefused = false
    }

    /// Whether there is a token, and it is bound to a certificate.
    package var isCertificateBound: Bool { self.token?.isCertificateBound ?? false }

    /// Forgets the token if it is bound to another certificate.
    package mutating func withdraw(unlessBoundTo certificateSHA256: [UInt8]) {
        guard self.isCertificateBound, self.token?.certificateSHA256 != certificateSHA256 else { return }
        self.withdraw()
    }

    /// Forgets the token if it is bound to a certificate.
    package mutating func withdrawIfCertificateBound() {
        if self.token?.isCertificateBound == true { self.withdraw() }
    }

    /// Takes note that a service has refused a token: another one is asked for, if it is the one that is held.
    ///
    /// Once a token, and after 1 s, 2 s … 60 s only when the next ones are refused as well: a service that refuses
    /// everything makes nobody ask on and on. The token serves until there is another one; other services may take it.
    package mutating func refused(
        _ token: IssuedAccessToken, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        let isPausing = self.refusalPause?.contains(now) ?? false
        guard self.token?.token == token.token, !self.isRefused, !isPausing else { return }
        self.isRefused = true
        self.refusalPause = Self.pause(self.refusals.next(using: &generator), from: now)
    }

    /// The token that is held, whether it can be used or not.
    package var held: IssuedAccessToken? { self.token }

    private static func pause(_ delay: Duration, from now: Date) -> Range<Date> {
        now..<now.addingTimeInterval(delay / .seconds(1))
    }

    private static func isLate(_ token: IssuedAccessToken, now: Date) -> Bool {
        let life = token.expiresAt.timeIntervalSince(token.issuedAt)
        return life > 2 * self.buffer && now > token.expiresAt.addingTimeInterval(-self.buffer)
    }
}
