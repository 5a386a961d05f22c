import FoundationEssentials
import Registration
import Rotation
import SPIFFE
import Synchronization

/// The agent's state, published as one snapshot at every change.
final class WorkloadCache: Sendable {
    /// How many batches of SVIDs are asked for at once.
    static let maxParallelBatches = 4

    /// The state of the moment, and its replacements.
    let snapshots: Watched<WorkloadSnapshot>
    /// Wakes whoever signs.
    let work = WakeUp()

    private let state: Mutex<WorkloadCacheState>
    /// Orders publications: whoever publishes last publishes the newest state.
    private let publication = Mutex(())

    init(bundle: TrustBundle, svidLimit: Int, selectorTypes: Set<String>, maxBatchLimit: Int) {
        let state = WorkloadCacheState(
            bundle: bundle, svidLimit: svidLimit, selectorTypes: selectorTypes, maxBatchLimit: maxBatchLimit,
            maxParallelBatches: Self.maxParallelBatches)
        self.snapshots = Watched(state.snapshot)
        self.state = Mutex(state)
    }

    var current: WorkloadSnapshot { self.snapshots.current }

    /// Takes what the server says: new entries, a new bundle of the own trust domain, or both at once.
    func update(entries: EntryTable?, bundle: ServerBundle?, now: Date) {
        self.state.withLock { state in
            if let entries { state.replace(entries) }
            if let bundle { state.replace(bundle.trust, tainted: bundle.tainted) }
        }
        self.publish()
        self.work.signal()
    }

    /// Takes a bundle of the own trust domain, unless the one it follows has been replaced meanwhile.
    func replace(_ previous: TrustBundle, with bundle: ServerBundle) {
        self.state.withLock { state in
            guard previous == state.snapshot.bundles.own else { return }
            state.replace(bundle.trust, tainted: bundle.tainted)
        }
        self.publish()
        self.work.signal()
    }

    /// Takes the bundles of other trust domains.
    func update(federated: TrustBundles) {
        let changed = self.state.withLock { state in
            guard federated != state.snapshot.bundles.federated else { return false }
            state.replace(bundles: BundleTable(own: state.snapshot.bundles.own, federated: federated))
            return true
        }
        if changed { self.publish() }
    }

    /// Tries again at once what failed while the server was away.
    func retryFailures() {
        self.state.withLock { $0.retryFailures() }
        self.work.signal()
    }

    /// Exchanges the entries that a workload follows for others.
    func follow(_ new: Set<String>, insteadOf old: Set<String>) {
        guard new != old else { return }
        self.state.withLock { state in
            state.follow(new.subtracting(old))
            state.unfollow(old.subtracting(new))
        }
        self.work.signal()
    }

    /// What to sign now.
    func plan(now: Date) -> WorkloadCacheState.Plan {
        let (plan, snapshotChanged) = self.state.withLock { $0.plan(now: now) }
        if snapshotChanged { self.publish() }
        return plan
    }

    /// Takes the outcomes of a batch.
    func complete(
        _ batch: [RegistrationEntry], _ outcomes: [String: WorkloadCacheState.Outcome], now: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.state.withLock { $0.complete(batch, outcomes, now: now, using: &generator) }
        self.publish()
        self.work.signal()
    }

    /// Takes the failure of a whole batch: it is tried again together, later.
    func fail(
        _ batch: [RegistrationEntry], _ reason: String, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.state.withLock { $0.fail(batch, reason, now: now, using: &generator) }
        self.publish()
        self.work.signal()
    }

    /// Takes the failure of a batch that was too large: it is tried again in halves, at once.
    func split(_ batch: [RegistrationEntry]) {
        self.state.withLock { $0.split(batch) }
        self.work.signal()
    }

    private func publish() {
        self.publication.withLock { _ in
            self.snapshots.publish(self.state.withLock { $0.snapshot })
        }
    }
}
