import FoundationEssentials
import Registration
import SPIFFE

/// Everything the Workload API answers from, at one moment: entries, SVIDs with their keys, and bundles.
///
/// Immutable.
package struct WorkloadSnapshot: Sendable {
    package var entries: EntryTable
    /// By entry id.
    ///
    /// An entry without one is being signed for, or waits for a workload that wants it.
    package var svids: [String: WorkloadSVID]
    /// The WIT-SVIDs that some workload follows, by entry id.
    package var wits: [String: WorkloadSVID] = [:]
    /// Why the last attempt to sign a WIT-SVID for an entry failed, by entry id.
    package var witFailures: [String: String] = [:]
    /// Why the last attempt to sign for an entry failed, by entry id.
    package var failures: [String: String]
    package var bundles: BundleTable
    /// The key identifiers of authorities that were tainted, or are in the bundle no more: what they issued is
    /// replaced.
    package var withdrawnAuthorities: Set<[UInt8]> = []
    /// Whether the server has told which entries there are.
    package var isSynchronized: Bool

    package init(
        entries: EntryTable = EntryTable(), svids: [String: WorkloadSVID] = [:], failures: [String: String] = [:],
        bundles: BundleTable, isSynchronized: Bool = false
    ) {
        self.entries = entries
        self.svids = svids
        self.failures = failures
        self.bundles = bundles
        self.isSynchronized = isSynchronized
    }
}
