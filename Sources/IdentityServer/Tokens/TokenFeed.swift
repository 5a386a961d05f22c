package import AccessGrants
package import AccessTokens
package import FoundationEssentials
package import Registration
package import Rotation
import SPIFFE
import Synchronization

/// What is revoked, in memory, and who follows it: every stream of an agent, for its validators.
package final class TokenFeed: Sendable {
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
        /// What is on its way into the store.
        var pending: Revocation.Target?
        /// Nil where it has to be counted anew.
        var tally: Tally?
        var followers: [UInt64: WakeUp] = [:]
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>

    package init(revocations: [RecordedRevocation], position: ChangePosition) {
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

    /// Whether what is issued to the SPIFFE ID at this moment would be revoked.
    func isRevoked(_ subject: SPIFFEID, issuedAt: Date) -> Bool {
        self.revocation(of: .subject(subject)).map { issuedAt.wholeSeconds <= $0.revokedAt } ?? false
    }

    /// Whether an X509-SVID is revoked: by its serial number, or with all that its SPIFFE ID had.
    func isRevoked(_ peer: VerifiedX509SVID) -> Bool {
        self.revocation(of: peer.revocationTarget) != nil || self.isRevoked(peer.id, issuedAt: peer.issuedAt)
    }

    /// Whether something is being revoked at this moment: nothing is issued for it until that has succeeded or failed.
    ///
    /// To be asked before whether it is revoked: what has succeeded meanwhile is found then.
    package func isPending(_ target: Revocation.Target) -> Bool {
        self.state.withLock { $0.pending == target }
    }

    /// How many revocations are in force: of everybody, and those that one made.
    func count(by actor: Actor, now: Date) -> (all: Int, own: Int) {
        self.state.withLock { state in
            let tally: Tally
            if let known = state.tally, known.range.contains(now) {
                tally = known
            } else {
                tally = Tally(state.recorded.values, now: now)
                state.tally = tally
            }
            return (tally.all, tally.byActor[actor, default: 0])
        }
    }

    // MARK: Changes

    /// Revokes something: while `revoke` runs, nothing is issued for it.
    ///
    /// One at a time.
    ///
    /// - Parameter revoke: Given the second from which the revocation is: what was issued earlier is not of a later one,
    ///   as nothing has been issued since before the clock was read.
    package func revoking<Value>(
        _ target: Revocation.Target, instants: Instants, _ revoke: (_ now: Date) async throws -> Value
    ) async rethrows -> Value {
        self.state.withLock { $0.pending = target }
        defer { self.state.withLock { $0.pending = nil } }
        return try await revoke(instants.now().wholeSeconds)
    }

    /// Makes a revocation visible that is in the store, and wakes every reader.
    func add(_ recorded: RecordedRevocation, position: ChangePosition) {
        let followers = self.state.withLock { state in
            let replaced = state.recorded.updateValue(recorded, forKey: recorded.revocation.target)
            if replaced == nil { state.tally?.add(recorded) } else { state.tally = nil }
            state.position = position
            return Array(state.followers.values)
        }
        for wakeUp in followers { wakeUp.signal() }
    }

    /// Forgets what has expired.
    func prune(now: Date) {
        self.state.withLock { state in
            state.recorded = state.recorded.filter { $0.value.revocation.expiresAt > now }
            state.tally = nil
        }
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

/// How many revocations are in force, as of a span of time in which none of them ends.
private struct Tally {
    private(set) var all = 0
    private(set) var byActor: [Actor: Int] = [:]
    private(set) var range: Range<Date>

    init(_ recorded: some Sequence<RecordedRevocation>, now: Date) {
        self.range = now..<Date.distantFuture
        for item in recorded where item.revocation.expiresAt > now { self.add(item) }
    }

    mutating func add(_ recorded: RecordedRevocation) {
        self.all += 1
        self.byActor[recorded.createdBy, default: 0] += 1
        let end = max(self.range.lowerBound, min(self.range.upperBound, recorded.revocation.expiresAt))
        self.range = self.range.lowerBound..<end
    }
}

extension VerifiedX509SVID {
    /// What `--serial` names.
    var revocationTarget: Revocation.Target {
        .certificate(self.certificateSerial)
    }
}
