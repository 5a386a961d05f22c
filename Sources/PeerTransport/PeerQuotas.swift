import NIOCore
import Synchronization

/// What each peer uses of the server, over all of its connections.
///
/// A peer is remembered for a while after its last connection has closed, so that opening another one is no way to begin
/// anew.
final class PeerQuotas: Sendable {
    private struct State {
        var quotas: [PeerKey: PeerQuota] = [:]
        /// As many peers as make it worth looking for those that are gone.
        var sweepAt = PeerQuotas.minimumSweep

        mutating func sweep() {
            self.quotas = self.quotas.filter { $0.value.isInUse }
            self.sweepAt = max(PeerQuotas.minimumSweep, 2 * self.quotas.count)
        }
    }

    private static let minimumSweep = 1_024

    private let state = Mutex(State())

    /// Counts a connection; nil where the peer has `limit` of them.
    func openConnection(of key: PeerKey, limit: Int) -> PeerQuota? {
        self.state.withLock { state in
            if let quota = state.quotas[key] { return quota.openConnection(limit: limit) ? quota : nil }
            if state.quotas.count >= state.sweepAt { state.sweep() }
            let quota = PeerQuota()
            guard quota.openConnection(limit: limit) else { return nil }
            state.quotas[key] = quota
            return quota
        }
    }
}

/// What one peer uses.
final class PeerQuota: Sendable {
    private struct Use {
        var connections = 0
        var calls = 0
        var bufferedBytes = 0
        /// Made at the first reset.
        var unansweredResets: EventRate?
    }

    private let use = Mutex(Use())

    /// Whether it has connections, calls, or handlers that still work for it.
    var isInUse: Bool {
        self.use.withLock { $0.connections > 0 || $0.calls > 0 }
    }

    /// Counts a connection; false where there are as many as there may be.
    func openConnection(limit: Int) -> Bool {
        self.use.withLock { use in
            guard use.connections < limit else { return false }
            use.connections += 1
            return true
        }
    }

    func closeConnection() {
        self.use.withLock { $0.connections -= 1 }
    }

    /// Counts a call, and tells how many bytes are held in memory; nil where there are as many calls as there may be.
    func openCall(limit: Int) -> Int? {
        self.use.withLock { use in
            guard use.calls < limit else { return nil }
            use.calls += 1
            return use.bufferedBytes
        }
    }

    /// The call has ended, and its handler too.
    ///
    /// - Parameter bytes: What was held in memory for it.
    func closeCall(releasing bytes: Int) {
        self.use.withLock { use in
            use.calls -= 1
            use.bufferedBytes -= bytes
        }
    }

    /// Counts bytes held in memory, or no longer held where negative; returns how many there are now.
    func buffer(_ bytes: Int) -> Int {
        self.use.withLock { use in
            use.bufferedBytes += bytes
            return use.bufferedBytes
        }
    }

    /// Counts a call that was reset before it was answered; returns whether there are too many.
    func recordUnansweredReset(_ limits: RPCLimits) -> Bool {
        self.use.withLock { use in
            var rate =
                use.unansweredResets
                ?? EventRate(limit: limits.maxUnansweredResets, window: .init(limits.unansweredResetWindow))
            defer { use.unansweredResets = rate }
            return rate.record(now: .now())
        }
    }
}
