package import AccessTokens
package import FoundationEssentials
import Rotation
import Synchronization

/// The access tokens that the agent holds, each through its life.
///
/// None that is known to be revoked is given out, nor one that is bound to another certificate. Nothing that the
/// workloads of one entry ask for displaces a token of another entry that holds fewer.
package final class HeldAccessTokens: Sendable {
    /// Over how long the requests are spread that replace revoked tokens, for each token that is held.
    static let spreadPerToken: Duration = .milliseconds(10)
    /// Over how long they are spread at most.
    static let maxSpread: Duration = .seconds(2)

    /// A token, and what revocations name of it.
    private struct Held: Sendable {
        var life = TokenLife()
        var names: IssuedTokenNames?
        var fetchedAt = Date.distantPast
        /// When the one that replaces a revoked token is asked for.
        var askFrom = Date.distantPast
    }

    private struct State: Sendable {
        /// By the ID of the entry.
        var entries: [String: [AccessTokenKey: Held]] = [:]
        var count = 0

        subscript(key: AccessTokenKey) -> Held? {
            get { self.entries[key.entryID]?[key] }
            set {
                let before = self.entries[key.entryID]?.count ?? 0
                self.entries[key.entryID, default: [:]][key] = newValue
                self.countAgain(key.entryID, before: before)
            }
        }

        /// Gives up what is of no use of an entry, and any one token where there is nothing such: it can be had again.
        mutating func makeRoom(in entryID: String, now: Date) {
            guard let all = self.entries[entryID] else { return }
            var kept = all.filter { !$0.value.life.isEmpty(now: now) }
            if kept.count == all.count, let any = kept.keys.first { kept[any] = nil }
            self.entries[entryID] = kept
            self.countAgain(entryID, before: all.count)
        }

        private mutating func countAgain(_ entryID: String, before: Int) {
            let after = self.entries[entryID]?.count ?? 0
            if after == 0 { self.entries[entryID] = nil }
            self.count += after - before
        }
    }

    private let limit: Int
    private let limitPerEntry: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: How many tokens are kept. Default: 10,000.
    ///   - limitPerEntry: How many are kept of one entry. Default: 1,000, as many as the `TokenSource` of a service keeps.
    package init(limit: Int = 10_000, limitPerEntry: Int = 1_000) {
        self.limit = limit
        self.limitPerEntry = limitPerEntry
    }

    /// How many tokens are held.
    package var count: Int { self.state.withLock { $0.count } }

    /// What a caller does at this moment; before it asks, it waits for `delay`.
    ///
    /// Gives up a token that is revoked, and one that is bound to another certificate.
    package func step(
        _ order: AccessTokenOrder, state known: TokenState?, now: Date,
        using generator: inout some RandomNumberGenerator
    ) -> (step: TokenLife.Step, delay: Duration) {
        self.state.withLock { state in
            guard var held = state[order.key] else { return (.fetch, .zero) }
            held.life.withdraw(unlessBoundTo: order.certificateSHA256)
            if held.life.held != nil, let names = held.names, let known,
                known.isRevoked(names, fetchedAt: held.fetchedAt, now: now)
            {
                held.life.withdraw()
                let spread = min(Self.spreadPerToken * state.count, Self.maxSpread)
                held.askFrom = now.addingTimeInterval(spread * generator.fraction() / .seconds(1))
            }
            let step = held.life.step(now: now)
            // A token that is used is left as it was found.
            if case .use = step { return (step, .zero) }
            state[order.key] = held
            // A clock that was set back delays nothing for longer.
            let delay = min(max(0, held.askFrom.timeIntervalSince(now)), Self.maxSpread / .seconds(1))
            return (step, .seconds(delay))
        }
    }

    /// What has come meanwhile, for the one who is about to ask; nil when asking is still of use.
    package func settled(_ order: AccessTokenOrder, now: Date) -> Result<IssuedAccessToken, any Error>? {
        self.state.withLock { state in
            guard var held = state[order.key] else { return nil }
            // It may have been asked for before the certificate was replaced. What is held stays: it may be the order
            // that is the older one.
            held.life.withdraw(unlessBoundTo: order.certificateSHA256)
            return held.life.settled(now: now)
        }
    }

    package func fetched(
        _ token: IssuedAccessToken, _ names: IssuedTokenNames, for order: AccessTokenOrder, now: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.update(order.key, now: now) { held in
            held.life.fetched(token, now: now, using: &generator)
            held.names = names
            held.fetchedAt = now
            held.askFrom = .distantPast
        }
    }

    package func failed(
        _ error: any Error, for order: AccessTokenOrder, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.update(order.key, now: now) { $0.life.failed(error, now: now, using: &generator) }
    }

    /// Forgets what was asked for before: the server has answered that there is none.
    package func refused(_ order: AccessTokenOrder) {
        self.state.withLock { $0[order.key] = nil }
    }

    private func update(_ key: AccessTokenKey, now: Date, _ change: (inout Held) -> Void) {
        self.state.withLock { state in
            var held = state[key]
            if held == nil {
                if state.entries[key.entryID]?.count ?? 0 >= self.limitPerEntry {
                    state.makeRoom(in: key.entryID, now: now)
                } else if state.count >= self.limit,
                    let largest = state.entries.max(by: { $0.value.count < $1.value.count })
                {
                    state.makeRoom(in: largest.key, now: now)
                }
                held = Held()
            }
            if var held {
                change(&held)
                state[key] = held
            }
        }
    }
}
