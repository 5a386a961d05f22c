public import FoundationEssentials
public import JOSE

/// Why a proof of possession is refused: a Workload Proof Token of WIMSE; one case a rule.
@nonexhaustive
public enum WorkloadProofError: Error, Hashable {
    /// The proof is no signed JWT, or another key than that of the WIT-SVID's `cnf` signed it.
    case token(JWTError)
    /// The `typ` is not `wpt+jwt`; empty when there is none, shown up to 64 bytes.
    case unsupportedType(String)
    /// The `alg` is not that of the WIT-SVID's `cnf`.
    case algorithmMismatch(SignatureAlgorithm)
    /// There is no `aud`, or no value in it.
    case missingAudience
    /// The target of the request is not in the `aud`.
    case audienceMismatch(expected: String)
    /// A claim is not of the type or in the range that it has to be.
    case malformedClaim(String)
    /// There is no `exp`.
    case missingExpiration
    /// The proof is not valid any more.
    case expired(Date)
    /// The proof is valid for longer from now on than the validator allows.
    case lifetimeTooLong(max: Duration)
    /// There is no `jti`.
    case missingID
    /// There is no `wth`.
    case missingTokenHash
    /// The `wth` is not the hash of the WIT-SVID that came with the proof.
    case tokenHashMismatch
    /// The `ath` is not the hash of the access token of the request, or one of the two is missing.
    case accessTokenHashMismatch
    /// The `tth` is not the hash of the transaction token of the request, or one of the two is missing.
    case transactionTokenHashMismatch
    /// The `oth` covers other tokens than those the validator looks at; the first such name, shown up to 64 bytes.
    case otherTokenHashMismatch(String)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .token: "workload_proof.token"
        case .unsupportedType: "workload_proof.unsupported_type"
        case .algorithmMismatch: "workload_proof.algorithm_mismatch"
        case .missingAudience: "workload_proof.missing_audience"
        case .audienceMismatch: "workload_proof.audience_mismatch"
        case .malformedClaim: "workload_proof.malformed_claim"
        case .missingExpiration: "workload_proof.missing_expiration"
        case .expired: "workload_proof.expired"
        case .lifetimeTooLong: "workload_proof.lifetime_too_long"
        case .missingID: "workload_proof.missing_id"
        case .missingTokenHash: "workload_proof.missing_token_hash"
        case .tokenHashMismatch: "workload_proof.token_hash_mismatch"
        case .accessTokenHashMismatch: "workload_proof.access_token_hash_mismatch"
        case .transactionTokenHashMismatch: "workload_proof.transaction_token_hash_mismatch"
        case .otherTokenHashMismatch: "workload_proof.other_token_hash_mismatch"
        }
    }
}

extension WorkloadProofError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .token(let error): "it is not a valid JWT: \(error)"
        case .unsupportedType(let type): "its typ is \(String(reflecting: type)), not wpt+jwt"
        case .algorithmMismatch(let algorithm): "its alg is \(algorithm.rawValue), which is not that of the cnf"
        case .missingAudience: "it has no aud"
        case .audienceMismatch(let expected): "its aud does not have \(String(reflecting: expected))"
        case .malformedClaim(let name): "its \(name) is malformed"
        case .missingExpiration: "it has no exp"
        case .expired(let moment): "it is not valid after \(moment.formatted(.iso8601))"
        case .lifetimeTooLong(let max): "it is valid for longer than \(max)"
        case .missingID: "it has no jti"
        case .missingTokenHash: "it has no wth"
        case .tokenHashMismatch: "its wth is that of another token"
        case .accessTokenHashMismatch: "its ath is not that of the access token"
        case .transactionTokenHashMismatch: "its tth is not that of the transaction token"
        case .otherTokenHashMismatch(let name): "its oth does not cover \(String(reflecting: name)) as the request does"
        }
    }
}
