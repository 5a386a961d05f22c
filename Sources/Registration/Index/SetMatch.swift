/// How a set that a filter gives is compared with the set a candidate has; numbered as on the wire.
package enum MatchBehavior: Int, Hashable, Sendable, CaseIterable {
    /// The candidate has exactly the given items.
    case exact = 0
    /// The candidate has some of the given items and no others.
    case subset = 1
    /// The candidate has all given items, and perhaps others.
    case superset = 2
    /// The candidate has at least one of the given items.
    case any = 3
}

/// A comparison with a set of selectors or of trust domains.
package struct SetMatch<Item: Hashable & Sendable>: Hashable, Sendable {
    /// Never empty.
    package let items: Set<Item>
    package let behavior: MatchBehavior

    /// A comparison with a set that is not empty.
    ///
    /// - Throws: ``RegistrationError/emptyMatch(_:)`` with the field that is compared.
    package init(_ items: Set<Item>, _ behavior: MatchBehavior, field: EntryField) throws(RegistrationError) {
        guard !items.isEmpty else { throw .emptyMatch(field) }
        self.items = items
        self.behavior = behavior
    }

    /// Whether a candidate with these items (no duplicates) matches; one without items never does.
    package func matches(_ candidate: [Item]) -> Bool {
        switch self.behavior {
        case .exact: candidate.count == self.items.count && candidate.allSatisfy(self.items.contains)
        case .subset: !candidate.isEmpty && candidate.allSatisfy(self.items.contains)
        case .superset: self.items.isSubset(of: candidate)
        case .any: candidate.contains(where: self.items.contains)
        }
    }
}
