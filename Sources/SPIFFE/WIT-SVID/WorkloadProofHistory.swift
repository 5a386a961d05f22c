public import FoundationEssentials
import Synchronization

/// Remembers proofs, so that each is accepted once: for servers whose requests must not be repeated (WIT-SVID §7).
///
/// A proof is remembered until it has expired, which its lifetime bounds. One history a server, not one a request.
public final class WorkloadProofHistory: Sendable {
    /// The most proofs that are remembered at a time, unless given otherwise.
    public static let defaultLimit = 65_536

    private struct Key: Hashable {
        let id: SPIFFEID
        let proofID: [UInt8]
    }

    private struct State {
        var expirations: [Key: Date] = [:]
        var nextExpiration: Date = .distantFuture
    }

    private let limit: Int
    private let leeway: TimeInterval
    private let state = Mutex(State())

    /// Makes an empty history.
    ///
    /// - Parameters:
    ///   - leeway: That of the validation, for which a proof counts after its expiration.
    ///   - limit: The most proofs that are remembered at a time.
    public init(leeway: Duration = .zero, limit: Int = WorkloadProofHistory.defaultLimit) {
        self.leeway = leeway / .seconds(1)
        self.limit = limit
    }

    /// Takes the proof of a validated WIT-SVID, once.
    ///
    /// - Throws: `.replayed` when it was taken before; `.tooManyProofs` when no more can be remembered, since a proof that
    ///   is forgotten could come again.
    public func accept(_ svid: VerifiedWITSVID, now: Date) throws(WorkloadProofHistoryError) {
        let key = Key(id: svid.id, proofID: Array(svid.proof.id.utf8))
        let end = svid.proof.expiresAt.addingTimeInterval(self.leeway)
        let refusal = self.state.withLock { state -> WorkloadProofHistoryError? in
            if state.expirations[key] != nil { return .replayed }
            if state.expirations.count >= self.limit, state.nextExpiration <= now {
                state.expirations = state.expirations.filter { $0.value > now }
                state.nextExpiration = state.expirations.values.min() ?? .distantFuture
            }
            guard state.expirations.count < self.limit else { return .tooManyProofs(limit: self.limit) }
            state.expirations[key] = end
            state.nextExpiration = min(state.nextExpiration, end)
            return nil
        }
        if let refusal { throw refusal }
    }
}

/// Why a valid proof is not accepted: it is good for one request only.
@nonexhaustive
public enum WorkloadProofHistoryError: Error, Hashable {
    /// A proof of this workload with this `jti` was accepted before.
    case replayed
    /// There are as many proofs that may come again as can be remembered.
    case tooManyProofs(limit: Int)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .replayed: "workload_proof_history.replayed"
        case .tooManyProofs: "workload_proof_history.too_many_proofs"
        }
    }
}

extension WorkloadProofHistoryError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .replayed: "the proof was seen before"
        case .tooManyProofs(let limit): "\(limit) proofs are remembered, no more can be"
        }
    }
}
