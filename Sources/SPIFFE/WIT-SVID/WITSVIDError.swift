public import FoundationEssentials
public import JOSE

/// Why a token is refused as a WIT-SVID; one case a rule.
@nonexhaustive
public enum WITSVIDError: Error, Hashable {
    /// The validator allows for clocks that are further apart than ``VerifiedWITSVID/maxLeeway``, or for less than
    /// nothing (§3.4).
    case leewayOutOfRange(Duration)
    /// The token is no signed JWT with an algorithm of §2.3, or its signature is invalid.
    case token(JWTError)
    /// There is no `typ` (§2.2).
    case missingType
    /// The `typ` is not `wit+jwt`; shown up to 64 bytes (§2.2).
    case unsupportedType(String)
    /// There is no `kid`, or it is empty (§2.1).
    case missingKeyID
    /// There is no `sub`, or it is no string (§3.1).
    case missingSubject
    /// The `sub` is not a SPIFFE ID (§3.1).
    case invalidSubject(SPIFFEIDError)
    /// There is no bundle for the trust domain of the `sub`; bundles of others do not count.
    case unknownTrustDomain(TrustDomain)
    /// The bundle of the trust domain has no WIT authority (§6).
    case noWITAuthorities(TrustDomain)
    /// The bundle of the trust domain has no WIT authority of this `kid`; shown up to 64 bytes.
    case unknownKeyID(String, TrustDomain)
    /// There is an `aud`, which a token that is bound to a key does not have (§3.8).
    case audiencePresent
    /// A claim is not of the type or in the range that RFC 7519 §4.1 gives it.
    case malformedClaim(String)
    /// There is no `exp` (§3.4).
    case missingExpiration
    /// The token is not valid any more.
    case expired(Date)
    /// The token is not valid yet.
    case notYetValid(Date)
    /// The time from `nbf` to `exp` is longer than the validator allows (§3.5).
    case lifetimeTooLong(max: Duration)

    /// There is no `cnf`, or it is no object (§3.2).
    case missingConfirmation
    /// The `cnf` has no `jwk`, or it is no object (§3.2).
    case missingConfirmationKey
    /// The `jwk` has private or symmetric key material: someone should be told.
    case privateConfirmationKey
    /// The `kty` or the curve of the `jwk` is not known.
    case unsupportedConfirmationKey
    /// The members of the `jwk` are faulty.
    case malformedConfirmationKey(JSONWebKeyError)
    /// The `jwk` has no `alg`, or it is no string (§3.2).
    case missingConfirmationAlgorithm
    /// The `alg` of the `jwk` is none of those of §2.3; shown up to 64 bytes.
    case unsupportedConfirmationAlgorithm(String)
    /// The `alg` of the `jwk` needs a key of another type or curve.
    case confirmationAlgorithmMismatch(SignatureAlgorithm)

    /// The token came alone; whoever shows it has not shown that it is theirs (§4).
    case missingProof
    /// The proof that came with the token is refused.
    case proof(WorkloadProofError)

    /// The private key of one's own token is no private JWK.
    case malformedPrivateKey(JSONWebKeyError)
    /// The private key of one's own token is not that of its `cnf`.
    case privateKeyMismatch

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .leewayOutOfRange: "wit_svid.leeway_out_of_range"
        case .token: "wit_svid.token"
        case .missingType: "wit_svid.missing_type"
        case .unsupportedType: "wit_svid.unsupported_type"
        case .missingKeyID: "wit_svid.missing_key_id"
        case .missingSubject: "wit_svid.missing_subject"
        case .invalidSubject: "wit_svid.invalid_subject"
        case .unknownTrustDomain: "wit_svid.unknown_trust_domain"
        case .noWITAuthorities: "wit_svid.no_wit_authorities"
        case .unknownKeyID: "wit_svid.unknown_key_id"
        case .audiencePresent: "wit_svid.audience_present"
        case .malformedClaim: "wit_svid.malformed_claim"
        case .missingExpiration: "wit_svid.missing_expiration"
        case .expired: "wit_svid.expired"
        case .notYetValid: "wit_svid.not_yet_valid"
        case .lifetimeTooLong: "wit_svid.lifetime_too_long"
        case .missingConfirmation: "wit_svid.missing_confirmation"
        case .missingConfirmationKey: "wit_svid.missing_confirmation_key"
        case .privateConfirmationKey: "wit_svid.private_confirmation_key"
        case .unsupportedConfirmationKey: "wit_svid.unsupported_confirmation_key"
        case .malformedConfirmationKey: "wit_svid.malformed_confirmation_key"
        case .missingConfirmationAlgorithm: "wit_svid.missing_confirmation_algorithm"
        case .unsupportedConfirmationAlgorithm: "wit_svid.unsupported_confirmation_algorithm"
        case .confirmationAlgorithmMismatch: "wit_svid.confirmation_algorithm_mismatch"
        case .missingProof: "wit_svid.missing_proof"
        case .proof: "wit_svid.proof"
        case .malformedPrivateKey: "wit_svid.malformed_private_key"
        case .privateKeyMismatch: "wit_svid.private_key_mismatch"
        }
    }
}
