public import FoundationEssentials
import JOSE

/// A WIT-SVID and a proof of possession, as one request carries them.
///
/// Each goes in an HTTP field of its own, never in `Authorization` (WIT-SVID §5), and only over TLS.
public struct WITPresentation: Sendable {
    /// The name of the field that carries ``identityToken``.
    public static let identityTokenField = "Workload-Identity-Token"
    /// The name of the field that carries ``proofToken``.
    public static let proofTokenField = "Workload-Proof-Token"

    /// The name of the field that carries a transaction token, which a proof covers where there is one.
    public static let transactionTokenField = "Txn-Token"

    /// The WIT-SVID in compact serialization.
    public let identityToken: String
    /// The Workload Proof Token, good for one target and a short time.
    public let proofToken: String
}

extension WITSVID {
    /// How long a proof is valid unless the caller says otherwise: as short as clocks and networks allow.
    public static let defaultProofLifetime: Duration = .seconds(30)
    /// The longest a proof may be valid.
    public static let maxProofLifetime: Duration = .seconds(300)

    /// Makes what is sent along with one request; make it anew for each.
    ///
    /// - Parameters:
    ///   - scope: What the request is.
    ///   - now: The wall-clock time from which the proof's lifetime counts.
    ///   - lifetime: From a second to ``maxProofLifetime``; a proof never outlives its WIT-SVID.
    /// - Throws: ``WITPresentationError``.
    public func presentation(
        for scope: WorkloadProofScope, now: Date, lifetime: Duration = Self.defaultProofLifetime
    ) throws(WITPresentationError) -> WITPresentation {
        guard (.seconds(1)...Self.maxProofLifetime).contains(lifetime) else { throw .lifetime(lifetime) }
        guard now < self.expiresAt else { throw .expired(self.expiresAt) }
        let expiresAt = min(now.addingTimeInterval(lifetime / .seconds(1)), self.expiresAt)
        do {
            let proof = try WorkloadProof.make(
                key: self.privateKey, algorithm: self.confirmation.algorithm, identityToken: self.token, scope: scope,
                expiresAt: expiresAt)
            return WITPresentation(identityToken: self.token, proofToken: proof)
        } catch {
            throw .signing(error)
        }
    }
}

// A proof is a credential for as long as it is valid.
extension WITPresentation: CustomStringConvertible, CustomReflectable {
    public var description: String { "<redacted>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
