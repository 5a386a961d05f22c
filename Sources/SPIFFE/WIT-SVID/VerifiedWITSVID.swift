public import FoundationEssentials
public import JOSE

/// A peer's WIT-SVID that was validated together with a proof that the peer holds its key.
///
/// There is no other way to get one than
/// ``validate(_:proof:for:bundles:now:leeway:maxLifetime:maxProofLifetime:)``: a WIT-SVID is no bearer token.
public struct VerifiedWITSVID: Sendable {
    /// The greatest difference of clocks that may be allowed for.
    public static let maxLeeway: Duration = .seconds(120)
    /// How long a proof may be valid at most, unless the caller says otherwise.
    public static let defaultMaxProofLifetime: Duration = .seconds(60)

    public let id: SPIFFEID
    /// The moment from which the token is refused.
    public let expiresAt: Date
    public let issuedAt: Date?
    /// The key whose possession was proved.
    public let confirmation: WITConfirmation
    /// All claims, those above included.
    ///
    /// Those that no standard defines mean something only inside the trust domain that issued the token. The `jti` is that
    /// of the token, which comes with many proofs: it says nothing about replays.
    public let claims: JSONObject
    public let proof: VerifiedWorkloadProof

    /// Validates a token as a WIT-SVID, and the proof that came with it for one request.
    ///
    /// Applies WIT-SVID §2 to §4: the algorithm before anything else, then type, `kid` and subject, the signature with a
    /// WIT authority of the subject's own trust domain, then the claims, the times, and at last the proof. `iat` has no
    /// say, `iss` is not looked at, and neither is the `jti` of the token. No I/O, no clock.
    ///
    /// - Parameters:
    ///   - token: The WIT-SVID in compact serialization.
    ///   - proof: The Workload Proof Token of the request; nil when it had none, which is refused.
    ///   - scope: What the request is, as the validator saw it.
    ///   - bundles: Whom to believe: each trust domain's authorities for its own tokens.
    ///   - now: The wall-clock time at which token and proof are judged.
    ///   - leeway: How far clocks may be apart for `exp`: zero by default, at most ``maxLeeway``. There is none for `nbf`.
    ///   - maxLifetime: The longest time from `nbf` to `exp`; a token without `nbf` is not held to it. nil for any.
    ///   - maxProofLifetime: How far in the future a proof may end.
    /// - Throws: ``WITSVIDError``.
    public static func validate(
        _ token: String, proof: String?, for scope: WorkloadProofScope, bundles: TrustBundles, now: Date,
        leeway: Duration = .zero, maxLifetime: Duration? = nil,
        maxProofLifetime: Duration = Self.defaultMaxProofLifetime
    ) throws(WITSVIDError) -> VerifiedWITSVID {
        guard (.zero...self.maxLeeway).contains(leeway) else { throw .leewayOutOfRange(leeway) }
        let claims = try WITSVIDClaims(UnverifiedWITSVID(token).verify(with: bundles))
        let leewaySeconds = leeway / .seconds(1)
        guard now < claims.expiresAt.addingTimeInterval(leewaySeconds) else { throw .expired(claims.expiresAt) }
        if let notBefore = claims.notBefore {
            guard notBefore <= now else { throw .notYetValid(notBefore) }
            if let maxLifetime, claims.expiresAt > notBefore.addingTimeInterval(maxLifetime / .seconds(1)) {
                throw .lifetimeTooLong(max: maxLifetime)
            }
        }
        guard let proof else { throw .missingProof }
        let verified: VerifiedWorkloadProof
        do {
            verified = try VerifiedWorkloadProof(
                proof, identityToken: token, confirmation: claims.confirmation, scope: scope, now: now,
                leeway: leewaySeconds, maxLifetime: maxProofLifetime)
        } catch {
            throw .proof(error)
        }
        return VerifiedWITSVID(claims, proof: verified)
    }

    private init(_ claims: WITSVIDClaims, proof: VerifiedWorkloadProof) {
        self.id = claims.id
        self.expiresAt = claims.expiresAt
        self.issuedAt = claims.issuedAt
        self.confirmation = claims.confirmation
        self.claims = claims.all
        self.proof = proof
    }
}
