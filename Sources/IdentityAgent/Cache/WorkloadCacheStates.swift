import SPIFFE

/// The states of a ``WorkloadCache``, one a kind of SVID: each kind is signed on its own.
struct WorkloadCacheStates: Sendable {
    private var x509: WorkloadCacheState
    /// nil where WIT-SVIDs are not served.
    private var wit: WorkloadCacheState?

    init(x509: WorkloadCacheState, wit: WorkloadCacheState?) {
        self.x509 = x509
        self.wit = wit
    }

    /// What both kinds make together.
    var snapshot: WorkloadSnapshot {
        var snapshot = self.x509.snapshot
        snapshot.wits = self.wit?.snapshot.svids ?? [:]
        snapshot.witFailures = self.wit?.snapshot.failures ?? [:]
        return snapshot
    }

    /// Changes what all kinds have in common.
    mutating func changeAll(_ change: (inout WorkloadCacheState) -> Void) {
        change(&self.x509)
        _ = self.change(.wit, change)
    }

    /// Changes the state of one kind; nil for a kind that is not served.
    mutating func change<Result>(_ kind: SVIDKind, _ change: (inout WorkloadCacheState) -> Result) -> Result? {
        switch kind {
        case .x509: return change(&self.x509)
        case .wit:
            guard var state = self.wit else { return nil }
            // Not two owners of one dictionary while it changes.
            self.wit = nil
            defer { self.wit = state }
            return change(&state)
        }
    }
}
