package import FoundationEssentials
package import Registration
import Rotation
package import SPIFFE

/// What the agent knows, and what is to be signed next.
///
/// Pure: no tasks, time is passed in.
package struct WorkloadCacheState: Sendable {
    /// What came of asking for the SVID of an entry.
    package enum Outcome: Sendable {
        case issued(WorkloadSVID)
        case failed(String)
    }

    /// What to do now.
    package struct Plan: Sendable {
        /// Entries to sign for together, in the order of need.
        package var batches: [[RegistrationEntry]] = []
        /// When to look again, if nothing else happens.
        package var nextLook: Date?
    }

    private struct Failure: Sendable {
        var backoff: Backoff
        var retryAt: Date
    }

    package private(set) var snapshot: WorkloadSnapshot
    /// How many SVIDs are kept of entries that nobody follows.
    package let svidLimit: Int
    /// The types of selectors that the agent's attestors make; entries with others match nobody here.
    package let selectorTypes: Set<String>
    /// The largest batch; shrinks when batches fail.
    package private(set) var batchLimit: Int
    package let maxBatchLimit: Int
    package let maxParallelBatches: Int
    /// Whether entries are signed for before anybody follows them.
    package let prefetches: Bool

    /// The longest wait after a failure.
    private static let longestRetryDelay: Duration = .seconds(30)

    private var inFlight: Set<String> = []
    private var parallelBatches = 0
    private var failures: [String: Failure] = [:]
    private var followers: [String: Int] = [:]
    private var lastUse: [String: UInt64] = [:]
    private var uses: UInt64 = 0

    package init(
        bundle: TrustBundle, svidLimit: Int, selectorTypes: Set<String>, maxBatchLimit: Int, maxParallelBatches: Int,
        prefetches: Bool = true
    ) {
        self.snapshot = WorkloadSnapshot(bundles: BundleTable(own: bundle))
        self.svidLimit = svidLimit
        self.selectorTypes = selectorTypes
        self.batchLimit = maxBatchLimit
        self.maxBatchLimit = maxBatchLimit
        self.maxParallelBatches = maxParallelBatches
        self.prefetches = prefetches
    }

    // MARK: - What the server says

    /// Takes new entries: what belongs to entries that are gone is forgotten at once.
    package mutating func replace(_ entries: EntryTable) {
        self.snapshot.entries = entries
        self.snapshot.isSynchronized = true
        let isGone: (String) -> Bool = { entries[$0] == nil }
        self.snapshot.svids = self.snapshot.svids.filter { id, svid in
            entries[id].map { $0.spiffeID == svid.spiffeID } ?? false
        }
        self.snapshot.failures = self.snapshot.failures.filter { !isGone($0.key) }
        self.failures = self.failures.filter { !isGone($0.key) }
        self.lastUse = self.lastUse.filter { !isGone($0.key) }
    }

    /// Takes the bundle of the own trust domain: what authorities issued that it has no more, or that are tainted, is to
    /// be replaced.
    package mutating func replace(_ own: TrustBundle, tainted: Set<[UInt8]> = []) {
        let before = self.snapshot.bundles.own
        self.snapshot.withdrawnAuthorities.formUnion(before.authorityKeyIdentifiers)
        self.snapshot.withdrawnAuthorities.subtract(own.authorityKeyIdentifiers)
        self.snapshot.withdrawnAuthorities.formUnion(tainted)
        if own != before { self.replace(bundles: BundleTable(own: own, federated: self.snapshot.bundles.federated)) }
    }

    package mutating func replace(bundles: BundleTable) {
        self.snapshot.bundles = bundles
    }

    /// Forgets how often signing failed: the server was reached again.
    package mutating func retryFailures() {
        self.failures = [:]
    }

    // MARK: - What workloads want

    /// A workload follows entries from now on.
    package mutating func follow(_ ids: some Sequence<String>) {
        for id in ids {
            self.followers[id, default: 0] += 1
            self.uses += 1
            self.lastUse[id] = self.uses
        }
    }

    /// A workload follows entries no more.
    package mutating func unfollow(_ ids: some Sequence<String>) {
        for id in ids {
            guard let count = self.followers[id] else { continue }
            self.followers[id] = count > 1 ? count - 1 : nil
        }
    }

    // MARK: - Signing

    /// What to sign now.
    ///
    /// The entries count as under way until ``complete(_:now:)``.
    ///
    /// - Returns: the plan, and whether the snapshot changed: SVIDs that have expired or are kept no longer are gone.
    package mutating func plan(now: Date) -> (Plan, snapshotChanged: Bool) {
        var wanted = self.wanted()
        let snapshotChanged = self.dropUnwanted(Set(wanted.map(\.id)), now: now)
        wanted.removeAll { self.inFlight.contains($0.id) }
        var plan = Plan()
        var due: [RegistrationEntry] = []
        for entry in wanted {
            let dueAt = self.dueAt(entry, now: now)
            if dueAt <= now {
                due.append(entry)
            } else {
                plan.nextLook = min(plan.nextLook ?? dueAt, dueAt)
            }
        }
        for svid in self.snapshot.svids.values {
            plan.nextLook = min(plan.nextLook ?? svid.notAfter, svid.notAfter)
        }
        // Who has nothing comes before who has something that should be renewed.
        due.sort { !self.hasSVID($0) && self.hasSVID($1) }
        while self.parallelBatches < self.maxParallelBatches, !due.isEmpty {
            let batch = Array(due.prefix(self.batchLimit))
            due.removeFirst(batch.count)
            self.inFlight.formUnion(batch.lazy.map(\.id))
            self.parallelBatches += 1
            plan.batches.append(batch)
        }
        return (plan, snapshotChanged)
    }

    /// Takes the outcomes of a batch; where something was issued, the next ones may be larger again.
    ///
    /// Those for entries that are gone, or have changed meanwhile, are not used.
    package mutating func complete(
        _ batch: [RegistrationEntry], _ outcomes: [String: Outcome], now: Date,
        using generator: inout some RandomNumberGenerator
    ) {
        self.parallelBatches -= 1
        var isAnyIssued = false
        for entry in batch {
            self.inFlight.remove(entry.id)
            guard let current = self.snapshot.entries[entry.id], current == entry else { continue }
            switch outcomes[entry.id] ?? .failed("the server gave no answer") {
            case .issued(let svid) where svid.isServable(for: current, now: now):
                isAnyIssued = true
                self.snapshot.svids[entry.id] = svid
                self.snapshot.failures[entry.id] = nil
                let failure = self.failures.removeValue(forKey: entry.id)
                // Not again at once: the server may need a moment to use another one.
                if self.isWithdrawn(svid) {
                    self.failures[entry.id] = failure
                    self.failed(
                        [entry.id], "the server issued an SVID of an authority it withdrew", now: now, &generator)
                }
            case .issued:
                self.failed([entry.id], "the server issued an SVID that cannot be used", now: now, &generator)
            case .failed(let reason):
                self.failed([entry.id], reason, now: now, &generator)
            }
        }
        if isAnyIssued { self.batchLimit = min(self.maxBatchLimit, self.batchLimit * 2) }
    }

    /// A whole batch failed for a reason that has nothing to do with its size: it is tried again together.
    package mutating func fail(
        _ batch: [RegistrationEntry], _ reason: String, now: Date, using generator: inout some RandomNumberGenerator
    ) {
        self.parallelBatches -= 1
        for entry in batch { self.inFlight.remove(entry.id) }
        let ids = batch.map(\.id).filter { self.snapshot.entries[$0] != nil }
        self.failed(ids, reason, now: now, &generator)
    }

    /// A whole batch was too much: the next ones are half as large, and this one is tried again at once.
    package mutating func split(_ batch: [RegistrationEntry]) {
        self.parallelBatches -= 1
        for entry in batch { self.inFlight.remove(entry.id) }
        self.batchLimit = max(1, batch.count / 2)
    }

    // MARK: - Rules

    /// When an entry is to be signed for: at once where it has no SVID or one of the entry as it was before, or of an
    /// authority that was withdrawn, or one of a time that has yet to come since the clock was set back, else at half
    /// life; not before its last failure was some time ago.
    private func dueAt(_ entry: RegistrationEntry, now: Date) -> Date {
        var earliest = self.failures[entry.id]?.retryAt ?? .distantPast
        // Further away than any retry is: the clock was set back.
        if earliest.timeIntervalSince(now) > Self.longestRetryDelay / .seconds(1) { earliest = .distantPast }
        guard let svid = self.snapshot.svids[entry.id], svid.entry == entry, !self.isWithdrawn(svid), svid.since <= now
        else { return earliest }
        return max(svid.renewAt, earliest)
    }

    /// The entries that are kept signed: all that somebody follows; of the others, what was used last and then the
    /// oldest, as many as the limit leaves room for.
    private func wanted() -> [RegistrationEntry] {
        guard self.prefetches else {
            return self.followers.keys.compactMap { self.snapshot.entries[$0] }.sorted { $0.id < $1.id }
        }
        let entries = self.snapshot.entries.entries
        let servable = entries.filter { entry in
            entry.selectors.allSatisfy { self.selectorTypes.contains($0.type) }
        }
        let (followed, others) = servable.partitioned { self.followers[$0.id] != nil }
        let prefetched = others.filter { !$0.disableX509SVIDPrefetch }
        let room = max(0, self.svidLimit - followed.count)
        guard prefetched.count > room else { return followed + prefetched }
        let byUse = prefetched.enumerated().sorted { left, right in
            let uses = (self.lastUse[left.element.id] ?? 0, self.lastUse[right.element.id] ?? 0)
            return uses.0 == uses.1 ? left.offset < right.offset : uses.0 > uses.1
        }
        return followed + byUse.prefix(room).map(\.element)
    }

    /// Drops SVIDs that have expired, that nobody wants and that should be renewed, or that are too many.
    private mutating func dropUnwanted(_ wanted: Set<String>, now: Date) -> Bool {
        let count = self.snapshot.svids.count
        // Entries that are signed for on demand keep their SVID for the next caller until it should be renewed.
        let keepsOnDemand = count <= self.svidLimit
        self.snapshot.svids = self.snapshot.svids.filter { id, svid in
            guard now < svid.notAfter else { return false }
            return wanted.contains(id) || (keepsOnDemand && now < svid.renewAt && !self.isWithdrawn(svid))
        }
        return self.snapshot.svids.count != count
    }

    private func isWithdrawn(_ svid: WorkloadSVID) -> Bool {
        svid.authorityKeyIdentifier.map { self.snapshot.withdrawnAuthorities.contains($0) } ?? false
    }

    private func hasSVID(_ entry: RegistrationEntry) -> Bool {
        self.snapshot.svids[entry.id] != nil
    }

    /// Entries failed together, and are tried again together: as late as the one that waited longest.
    private mutating func failed(
        _ ids: [String], _ reason: String, now: Date, _ generator: inout some RandomNumberGenerator
    ) {
        let last = ids.compactMap { self.failures[$0] }.max { $0.retryAt < $1.retryAt }
        var backoff = last?.backoff ?? Backoff(initial: .milliseconds(250), maximum: Self.longestRetryDelay)
        let retryAt = now.addingTimeInterval(backoff.next(using: &generator) / .seconds(1))
        for id in ids {
            self.failures[id] = Failure(backoff: backoff, retryAt: retryAt)
            self.snapshot.failures[id] = reason
        }
    }
}

extension Array {
    fileprivate func partitioned(by isFirst: (Element) -> Bool) -> (first: [Element], second: [Element]) {
        var first: [Element] = []
        var second: [Element] = []
        for element in self {
            if isFirst(element) { first.append(element) } else { second.append(element) }
        }
        return (first, second)
    }
}
