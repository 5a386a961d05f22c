package import FoundationEssentials
import Rotation

/// One token of a ``TokenSource`` through time: when it is used, when another is asked for, and when nobody is asked.
///
/// A pure value. The circuit is its rule that after a failure nobody is asked before a moment that moves further away
/// with each failure; then one call tries, and the others wait for its outcome.
package struct TokenLife: Sendable {
    /// What a caller does.
    package enum Step: Sendable {
        /// It uses this token.
        case use(IssuedAccessToken)
        /// It asks for a new one; when that fails, `otherwise` serves for what is left of it.
        case fetch(otherwise: IssuedAccessToken?)
        /// It fails at once: asking has failed a moment ago.
        case fail(any Error)
    }

    /// The part of a token's life after which another is asked for.
    package static let refreshPoint = 0.8
    /// How much chance moves that point, either way.
    package static let jitter = 0.05
    /// The least time between two requests for the same token that both succeed.
    package static let minimumInterval: TimeInterval = 5

    private var token: IssuedAccessToken?
    private var refreshAt = Date.distantPast
    private var failure: (error: any Error, askAgainAt: Date)?
    private var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))

    package init() {}

    /// Whether there is nothing worth keeping.
    package func isEmpty(now: Date) -> Bool {
        let isExpired = self.token.map { $0.expiresAt <= now } ?? true
        let isOpen = self.failure.map { now < $0.askAgainAt } ?? false
        return isExpired && !isOpen
    }

    /// What a caller does at this moment.
    package func step(now: Date) -> Step {
        let usable = self.token.flatMap { now < $0.expiresAt ? $0 : nil }
        if let usable, now < self.refreshAt { return .use(usable) }
        if let failure, now < failure.askAgainAt {
            return usable.map(Step.use) ?? .fail(failure.error)
        }
        return .fetch(otherwise: usable)
    }

    /// Takes a new token.
    package mutating func fetched(
        _ token: IssuedAccessToken, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        let fraction = Double(generator.next() >> 11) * 0x1p-53
        let point = Self.refreshPoint + Self.jitter * (2 * fraction - 1)
        let life = token.expiresAt.timeIntervalSince(token.issuedAt)
        let due = token.issuedAt.addingTimeInterval(life * point)
        self.refreshAt = max(due, now.addingTimeInterval(Self.minimumInterval))
        self.token = token
        self.failure = nil
        self.backoff.reset()
    }

    /// Takes note that asking has failed.
    package mutating func failed(
        _ error: any Error, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        let delay = self.backoff.next(using: &generator)
        self.failure = (error, now.addingTimeInterval(delay / .seconds(1)))
    }

    /// Forgets the token, because the issuer denies it.
    package mutating func withdraw() {
        self.token = nil
        self.refreshAt = .distantPast
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
}
