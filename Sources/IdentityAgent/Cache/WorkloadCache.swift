import FoundationEssentials
import Registration
import Rotation
import SPIFFE
import Synchronization

/// The agent's state, published as one snapshot at every change.
final class WorkloadCache: Sendable {
    /// How many batches of SVIDs of one kind are asked for at once.
    static let maxParallelBatches = 4

    /// The state of the moment, and its replacements.
    let snapshots: Watched<WorkloadSnapshot>

    private let x509Work = WakeUp()
    private let witWork = WakeUp()
    private let states: Mutex<WorkloadCacheStates>
    /// Orders publications: whoever publishes last publishes the newest state.
    private let publication = Mutex(())

    /// - Parameter servesWIT: Whether there are WIT-SVIDs, too; those are signed for entries that somebody follows.
    init(
        bundle: TrustBundle, svidLimit: Int, selectorTypes: Set<String>, maxBatchLimit: Int, servesWIT: Bool = false
    ) {
        let state = { (maxBatchLimit: Int, prefetches: Bool) in
            WorkloadCacheState(
                bundle: bundle, svidLimit: svidLimit, selectorTypes: selectorTypes, maxBatchLimit: maxBatchLimit,
                maxParallelBatches: Self.maxParallelBatches, prefetches: prefetches)
        }
        let states = WorkloadCacheStates(
            x509: state(maxBatchLimit, true), wit: servesWIT ? state(WITSVIDRequests.batchLimit, false) : nil)
        self.snapshots = Watched(states.snapshot)
        self.states = Mutex(states)
    }

    var current: WorkloadSnapshot { self.snapshots.current }

    /// Wakes whoever signs SVIDs of a kind.
    func work(_ kind: SVIDKind) -> WakeUp {
        switch kind {
        case .x509: self.x509Work
        case .wit: self.witWork
        }
    }

    /// Takes what the server says: new entries, a new bundle of the own trust domain, or both at once.
    func update(entries: EntryTable?, bundle: ServerBundle?, now: Date) {
        self.states.withLock { states in
            states.changeAll { state in
                if let entries { state.replace(entries) }
                if let bundle { state.replace(bundle.trust, tainted: bundle.tainted) }
            }
        }
        self.publish()
        self.signalAll()
    }

    /// Takes a bundle of the own trust domain, unless the one it follows has been replaced meanwhile.
    func replace(_ previous: TrustBundle, with bundle: ServerBundle) {
        self.states.withLock { states in
            states.changeAll { state in
                guard previous == state.snapshot.bundles.own else { return }
                state.replace(bundle.trust, tainted: bundle.tainted)
            }
        }
        self.publish()
        self.signalAll()
    }

    /// Takes the bundles of other trust domains.
    func update(federated: TrustBundles) {
        let changed = self.states.withLock { states in
            var changed = false
            states.changeAll { state in
                guard federated != state.snapshot.bundles.federated else { return }
                state.replace(bundles: BundleTable(own: state.snapshot.bundles.own, federated: federated))
                changed = true
            }
            return changed
        }
        if changed { self.publish() }
    }

    /// Tries again at once what failed while the server was away.
    func retryFailures() {
        self.states.withLock { $0.changeAll { $0.retryFailures() } }
        self.signalAll()
    }

    /// Exchanges the entries whose SVIDs of a kind a workload follows for others.
    func follow(_ new: Set<String>, insteadOf old: Set<String>, _ kind: SVIDKind = .x509) {
        guard new != old else { return }
        self.change(kind) { state in
            state.follow(new.subtracting(old))
            state.unfollow(old.subtracting(new))
        }
        self.work(kind).signal()
    }

    /// What to sign now.
    func plan(_ kind: SVIDKind = .x509, now: Date) -> WorkloadCacheState.Plan {
        guard let (plan, snapshotChanged) = self.states.withLock({ $0.change(kind) { $0.plan(now: now) } }) else {
            return WorkloadCacheState.Plan()
        }
        if snapshotChanged { self.publish() }
        return plan
    }

    /// Takes the outcomes of a batch.
    func complete(
        _ kind: SVIDKind = .x509, _ batch: [RegistrationEntry], _ outcomes: [String: WorkloadCacheState.Outcome],
        now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.change(kind) { $0.complete(batch, outcomes, now: now, using: &generator) }
        self.publish()
        self.work(kind).signal()
    }

    /// Takes the failure of a whole batch: it is tried again together, later.
    func fail(
        _ kind: SVIDKind = .x509, _ batch: [RegistrationEntry], _ reason: String, now: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.change(kind) { $0.fail(batch, reason, now: now, using: &generator) }
        self.publish()
        self.work(kind).signal()
    }

    /// Takes the failure of a batch that was too large: it is tried again in halves, at once.
    func split(_ kind: SVIDKind = .x509, _ batch: [RegistrationEntry]) {
        self.change(kind) { $0.split(batch) }
        self.work(kind).signal()
    }

    private func change(_ kind: SVIDKind, _ change: (inout WorkloadCacheState) -> Void) {
        self.states.withLock { states in _ = states.change(kind, change) }
    }

    private func signalAll() {
        self.x509Work.signal()
        self.witWork.signal()
    }

    private func publish() {
        self.publication.withLock { _ in
            self.snapshots.publish(self.states.withLock { $0.snapshot })
        }
    }
}
