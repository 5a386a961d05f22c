import AccessTokens
import FoundationEssentials
import Rotation
import Synchronization

/// The access tokens that the agent holds, each through its life.
///
/// None that is known to be revoked is given out.
final class HeldAccessTokens: Sendable {
    /// How many tokens are kept.
    static let limit = 10_000
    /// Over how long the requests are spread that replace revoked tokens, for each token that is held.
    static let spreadPerToken: Duration = .milliseconds(10)
    /// Over how long they are spread at most.
    static let maxSpread: Duration = .seconds(2)

    /// A token, the certificate for which it was asked, and what revocations name of it.
    private struct Held: Sendable {
        var life = TokenLife()
        var certificateSHA256: [UInt8] = []
        var names: IssuedTokenNames?
        var fetchedAt = Date.distantPast
        /// When the one that replaces a revoked token is asked for.
        var askFrom = Date.distantPast
    }

    private let held = Mutex<[AccessTokenKey: Held]>([:])

    /// What a caller does at this moment; before it asks, it waits for `delay`.
    ///
    /// Gives up a token that is revoked, and one that is bound to another certificate.
    func step(
        _ order: AccessTokenOrder, state: TokenState?, now: Date, using generator: inout some RandomNumberGenerator
    ) -> (step: TokenLife.Step, delay: Duration) {
        let chance = generator.fraction()
        return self.held.withLock { all in
            let count = all.count
            guard var held = all[order.key] else { return (.fetch, .zero) }
            if held.certificateSHA256 != order.certificateSHA256 { held.life.withdrawIfCertificateBound() }
            if held.life.held != nil, let names = held.names, let state,
                state.isRevoked(names, fetchedAt: held.fetchedAt, now: now)
            {
                held.life.withdraw()
                let spread = min(Self.spreadPerToken * count, Self.maxSpread)
                held.askFrom = now.addingTimeInterval(spread * chance / .seconds(1))
            }
            let step = held.life.step(now: now)
            all[order.key] = held
            // A clock that was set back delays nothing for longer.
            let delay = min(max(0, held.askFrom.timeIntervalSince(now)), Self.maxSpread / .seconds(1))
            return (step, .seconds(delay))
        }
    }

    /// What has come meanwhile, for the one who is about to ask; nil when asking is still of use.
    func settled(_ order: AccessTokenOrder, now: Date) -> Result<IssuedAccessToken, any Error>? {
        self.held.withLock { all in
            guard let held = all[order.key], held.certificateSHA256 == order.certificateSHA256 else { return nil }
            return held.life.settled(now: now)
        }
    }

    func fetched(
        _ token: IssuedAccessToken, _ names: IssuedTokenNames, for order: AccessTokenOrder, now: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.update(order, now: now) { held in
            held.life.fetched(token, now: now, using: &generator)
            held.names = names
            held.fetchedAt = now
            held.askFrom = .distantPast
        }
    }

    func failed(
        _ error: any Error, for order: AccessTokenOrder, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.update(order, now: now) { $0.life.failed(error, now: now, using: &generator) }
    }

    /// Forgets what was asked for before: the server has answered that there is none.
    func refused(_ order: AccessTokenOrder) {
        self.held.withLock { $0[order.key] = nil }
    }

    private func update(_ order: AccessTokenOrder, now: Date, _ change: (inout Held) -> Void) {
        self.held.withLock { all in
            if all[order.key] == nil, all.count >= Self.limit {
                all = all.filter { !$0.value.life.isEmpty(now: now) }
                // What is given up can be had again.
                if all.count >= Self.limit, let any = all.keys.first { all[any] = nil }
            }
            all[order.key, default: Held()].certificateSHA256 = order.certificateSHA256
            change(&all[order.key, default: Held()])
        }
    }
}
