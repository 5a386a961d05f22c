public import SPIFFE
import WorkloadAPIProtos

extension WorkloadAPIStream<[SPIFFE.WITSVID]> {
    /// The WIT-SVIDs of the process, in the order of the server, the default identity first; at least one.
    public static var witSVIDs: Self {
        Self(WorkloadAPIMethods.fetchWITSVID) { message throws(WorkloadAPIMessageError) in
            try SPIFFE.WITSVID.parse(message)
        }
    }
}

extension WorkloadAPIStream<TrustBundles> {
    /// The WIT bundles of the process's own and federated trust domains.
    ///
    /// They hold no authorities of other kinds.
    public static var witBundles: Self {
        Self(WorkloadAPIMethods.fetchWITBundles) { message throws(WorkloadAPIMessageError) in
            try TrustBundles(message)
        }
    }
}

extension SVIDSelection {
    /// The selected SVID.
    ///
    /// - Throws: ``WorkloadAPIError/noSuchSVID(_:)``: another SVID is never taken in its place.
    public func select(from svids: [SPIFFE.WITSVID]) throws(WorkloadAPIError) -> SPIFFE.WITSVID {
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
