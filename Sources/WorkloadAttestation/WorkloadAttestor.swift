package import Registration

/// One way of telling what a process is.
package protocol WorkloadAttestor: Sendable {
    /// The type of the selectors it makes.
    var name: String { get }

    /// What the process is.
    ///
    /// Called at every request of the process. Whether the process stayed the same meanwhile is checked by the caller,
    /// ``attest(_:with:wanted:)``.
    ///
    /// - Parameters:
    ///   - status: The status of the process when attestation began.
    ///   - wanted: What entries ask for; what is expensive to find out and not asked for is left out.
    /// - Throws: when nothing can be said; what is only partly known is told by ``WorkloadFindings/undetermined``.
    func attest(
        _ process: WorkloadProcess, _ status: ProcessStatus, wanted: WantedSelectors
    ) async throws -> WorkloadFindings
}

/// What was found out about a process.
package struct WorkloadFindings: Hashable, Sendable {
    package var selectors: Set<Selector>
    /// What could not be found out and why, by the beginning of the selector (`unix:sha256`).
    package var undetermined: [String: String]

    package init(selectors: Set<Selector> = [], undetermined: [String: String] = [:]) {
        self.selectors = selectors
        self.undetermined = undetermined
    }

    mutating func merge(_ other: Self) {
        self.selectors.formUnion(other.selectors)
        self.undetermined.merge(other.undetermined) { first, _ in first }
    }
}

/// Which kinds of selectors the registration entries of an agent use, so that attestors need not find out the others.
///
/// A kind is the type and the value up to its first colon: `unix:sha256`.
package struct WantedSelectors: Hashable, Sendable {
    private var kinds: Set<String> = []

    package init(_ selectors: some Sequence<Selector> = []) {
        for selector in selectors {
            let key = selector.value.prefix { $0 != ":" }
            self.kinds.insert("\(selector.type):\(key)")
        }
    }

    /// Whether some entry uses a kind, `unix:sha256` for example.
    package func contains(_ kind: String) -> Bool {
        self.kinds.contains(kind)
    }
}
