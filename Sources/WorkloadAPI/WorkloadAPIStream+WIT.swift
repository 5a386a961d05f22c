public import SPIFFE
import SwiftProtobuf
import WorkloadAPIProtos

extension WorkloadAPIStream<[SPIFFE.WITSVID]> {
    /// The WIT-SVIDs of the process, in the order of the server, the default identity first; at least one.
    public static var witSVIDs: Self { self.witSVIDs(of: nil) }

    /// The WIT-SVIDs of one identity of the process; at least one.
    ///
    /// - Parameter id: The identity that is wanted; nil for all of them.
    public static func witSVIDs(of id: SPIFFEID?) -> Self {
        Self(
            WorkloadAPIMethods.fetchWITSVID, request: .with { $0.spiffeID = id?.uri ?? "" },
            parse: { message throws(WorkloadAPIMessageError) in try SPIFFE.WITSVID.parse(message, requestedID: id) },
            check: { svids, now throws(WorkloadAPIMessageError) in try SPIFFE.WITSVID.check(svids, now: now) })
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
