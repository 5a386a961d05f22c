public import SPIFFE

/// Which of its SVIDs a process uses, where it has several (SPIFFE Workload API §8).
public enum SVIDSelection: Sendable, Hashable {
    /// The default identity: the first SVID of the response.
    case first
    /// The SVID with this hint.
    case hint(String)
    /// The SVID of this SPIFFE ID.
    case spiffeID(SPIFFEID)

    /// The selected SVID.
    ///
    /// - Throws: ``WorkloadAPIError/noSuchSVID(_:)``: another SVID is never taken in its place.
    public func select(from svids: [X509SVID]) throws(WorkloadAPIError) -> X509SVID {
        let selected =
            switch self {
            case .first: svids.first
            case .hint(let hint): svids.first { $0.hint == hint }
            case .spiffeID(let id): svids.first { $0.id == id }
            }
        guard let selected else { throw .noSuchSVID(self) }
        return selected
    }
}

extension SVIDSelection: CustomStringConvertible {
    public var description: String {
        switch self {
        case .first: "at all"
        case .hint(let hint): "with the hint '\(hint)'"
        case .spiffeID(let id): "of \(id)"
        }
    }
}
