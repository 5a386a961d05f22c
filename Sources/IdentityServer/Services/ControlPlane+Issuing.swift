import Authority
import GRPCCore
import Logging
import PeerTransport
import SPIFFE

// What services have in common that issue SVIDs, of whatever kind.
extension ControlPlane {
    /// What the caller did wrong is told; what the authority could not do is logged.
    func status(of error: IssuanceError, issuing kind: String, of id: SPIFFEID) -> RPCError {
        if let refusal = RPCError(refused: error) { return refusal }
        self.logger.error("SVID not issued", metadata: [LogKey.spiffeID: "\(id)", LogKey.error: "\(error)"])
        return RPCError(code: .internalError, message: "failed to sign \(kind)")
    }

    /// The lifetime that an administrator asks for, in seconds; 0 for the default.
    static func lifetime(_ seconds: Int32, default lifetime: Duration) throws -> Duration {
        guard seconds >= 0 else { throw RPCError.invalid("ttl is negative") }
        return seconds == 0 ? lifetime : .seconds(Int64(seconds))
    }

    /// Refuses a batch without items, and one of too many.
    static func checkBatch(count: Int, of kind: String) throws {
        guard count > 0 else { throw RPCError.invalid("missing parameters") }
        let most = ControlPlaneLimits.maxBatchSVIDs
        guard count <= most else {
            throw RPCError.invalid("too many \(kind)s in one batch: \(count), at most \(most)")
        }
    }
}
