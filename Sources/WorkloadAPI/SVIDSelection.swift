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
        try self.select(from: svids, hint: \.hint, id: \.id)
    }

    /// The selected token.
    ///
    /// Throws as for an X509-SVID.
    public func select(from svids: [JWTSVID]) throws(WorkloadAPIError) -> JWTSVID {
        try self.select(from: svids, hint: \.hint, id: \.id)
    }

    private func select<SVID>(
        from svids: [SVID], hint: (SVID) -> String, id: (SVID) -> SPIFFEID
    ) throws(WorkloadAPIError) -> SVID {
        let selected =
            switch self {
            case .first: svids.first
            case .hint(let wanted): svids.first { hint($0) == wanted }
            case .spiffeID(let wanted): svids.first { id($0) == wanted }
            }
        guard let selected else { throw .noSuchSVID(self) }
        return selected
    }
}

extension SVIDSelection {
    /// The SPIFFE ID that is asked for, where one is.
    var spiffeID: SPIFFEID? {
        if case .spiffeID(let id) = self { id } else { nil }
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
