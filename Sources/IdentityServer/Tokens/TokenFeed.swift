import AccessGrants
import AccessTokens
import FoundationEssentials
import Registration
import Rotation
import SPIFFE
import Synchronization

/// What is revoked, in memory, and who follows it: every stream of an agent, for its validators.
final class TokenFeed: Sendable {
    /// What brings a reader up to ``position``.
    struct Update: Hashable, Sendable {
        /// It replaces all that the reader holds.
        let isFull: Bool
        let revocations: [Revocation]
        let position: ChangePosition
    }

    private struct State {
        var position: ChangePosition
        var recorded: [Revocation.Target: RecordedRevocation]
        var followers: [UInt64: WakeUp] = [:]
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>

    init(revocations: [RecordedRevocation], position: ChangePosition) {
        self.state = Mutex(
            State(
                position: position,
                recorded: Dictionary(
                    revocations.map { ($0.revocation.target, $0) }, uniquingKeysWith: { _, last in last })))
    }

    // MARK: Questions

    /// What a reader that has seen `position` has missed; a position of another history, or ahead of ours, says nothing.
    func update(since seen: ChangePosition?, now: Date) -> Update {
        self.state.withLock { state in
            let isKnown = seen.map { $0.epoch == state.position.epoch && $0.number <= state.position.number } ?? false
            let first = isKnown ? seen?.number ?? 0 : 0
            guard !isKnown || first < state.position.number else {
                return Update(isFull: false, revocations: [], position: state.position)
            }
            let missed = state.recorded.values.filter { $0.number > first && $0.revocation.expiresAt > now }
                .sorted { $0.number < $1.number }
            return Update(isFull: !isKnown, revocations: missed.map(\.revocation), position: state.position)
        }
    }

    /// Those that have not expired, in the order in which they were made.
    func revocations(now: Date) -> [RecordedRevocation] {
        self.state.withLock { Array($0.recorded.values) }.filter { $0.revocation.expiresAt > now }
            .sorted { $0.number < $1.number }
    }

    func revocation(of target: Revocation.Target) -> Revocation? {
        self.state.withLock { $0.recorded[target]?.revocation }
    }

    /// Whether a token that is issued to the SPIFFE ID at this moment would be revoked.
    func isRevoked(_ subject: SPIFFEID, issuedAt: Date) -> Bool {
        self.revocation(of: .subject(subject)).map { issuedAt.wholeSeconds <= $0.revokedAt } ?? false
    }

    var count: Int { self.state.withLock { $0.recorded.count } }

    // MARK: Changes

    /// Makes a revocation visible that is in the store, and wakes every reader.
    func add(_ recorded: RecordedRevocation, position: ChangePosition) {
        let followers = self.state.withLock { state in
            state.recorded[recorded.revocation.target] = recorded
            state.position = position
            return Array(state.followers.values)
        }
        for wakeUp in followers { wakeUp.signal() }
    }

    /// Forgets what has expired.
    func prune(now: Date) {
        self.state.withLock { state in state.recorded = state.recorded.filter { $0.value.revocation.expiresAt > now } }
    }

    /// Wakes every reader: there are other keys.
    func keysChanged() {
        for wakeUp in self.state.withLock({ Array($0.followers.values) }) { wakeUp.signal() }
    }

    // MARK: Readers

    /// Has a reader woken at every change, until it is released with ``unfollow(_:)``.
    func follow(_ wakeUp: WakeUp) -> UInt64 {
        self.state.withLock { state in
            state.nextID += 1
            state.followers[state.nextID] = wakeUp
            return state.nextID
        }
    }

    func unfollow(_ id: UInt64) {
        _ = self.state.withLock { $0.followers.removeValue(forKey: id) }
    }
}
