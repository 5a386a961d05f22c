package import Registration
package import SPIFFE
package import WorkloadAttestation

/// The entries of the agent, ready to be matched with workloads.
///
/// Immutable.
package struct EntryTable: Sendable {
    /// The oldest first; of the same age, by id.
    ///
    /// The first that a workload matches is its default identity.
    package let entries: [RegistrationEntry]
    /// The kinds of selectors the entries use.
    package let wantedSelectors: WantedSelectors
    /// The trust domains that some entry federates with.
    package let federatesWith: Set<TrustDomain>

    private let positions: [String: Int]
    /// Each entry under the one of its selectors that the fewest entries share: a workload looks only where it may
    /// match.
    private let candidates: [Selector: [Int]]

    package init(_ entries: some Sequence<RegistrationEntry> = []) {
        // Entries for a store of SVIDs are not for workloads.
        let sorted = entries.filter { !$0.storeSVID }.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
        self.entries = sorted
        self.positions = Dictionary(sorted.enumerated().map { ($1.id, $0) }) { first, _ in first }
        var uses: [Selector: Int] = [:]
        for entry in sorted {
            for selector in entry.selectors { uses[selector, default: 0] += 1 }
        }
        var candidates: [Selector: [Int]] = [:]
        for (position, entry) in sorted.enumerated() {
            let rarest = entry.selectors.min { (uses[$0] ?? 0, $0) < (uses[$1] ?? 0, $1) }
            if let rarest { candidates[rarest, default: []].append(position) }
        }
        self.candidates = candidates
        self.wantedSelectors = WantedSelectors(uses.keys)
        self.federatesWith = Set(sorted.lazy.flatMap(\.federatesWith))
    }

    package subscript(id: String) -> RegistrationEntry? {
        self.positions[id].map { self.entries[$0] }
    }

    /// The entries that a workload with these selectors gets, the oldest first.
    package func matching(_ selectors: Set<Selector>) -> [RegistrationEntry] {
        var positions: [Int] = []
        for selector in selectors {
            guard let candidates = self.candidates[selector] else { continue }
            positions += candidates.filter { self.entries[$0].matches(workload: selectors) }
        }
        return positions.sorted().map { self.entries[$0] }
    }
}

extension Sequence<RegistrationEntry> {
    /// Leaves out entries whose hint an older one has: a hint tells the identities of a response apart.
    ///
    /// The sequence is the oldest first.
    package func withoutDuplicateHints() -> (kept: [RegistrationEntry], dropped: [RegistrationEntry]) {
        var hints: Set<String> = []
        var kept: [RegistrationEntry] = []
        var dropped: [RegistrationEntry] = []
        for entry in self {
            if entry.hint.isEmpty || hints.insert(entry.hint).inserted {
                kept.append(entry)
            } else {
                dropped.append(entry)
            }
        }
        return (kept, dropped)
    }
}
