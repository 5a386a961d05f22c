public import FoundationEssentials
public import JOSE

/// Why a token is refused as a JWT-SVID; one case a rule.
@nonexhaustive
public enum JWTSVIDError: Error, Hashable {
    /// The caller named no audience, or an empty one; there is no validation without (Appendix A).
    case noExpectedAudience
    /// The caller allows for clocks that are further apart than ``JWTSVID/maxLeeway``, or for less than nothing.
    case leewayOutOfRange(Duration)
    /// The token is no signed JWT with an algorithm of §2.1, or its signature is invalid.
    case token(JWTError)
    /// The `typ` is neither `JWT` nor `JOSE`; shown up to 64 bytes (§2.3).
    case unsupportedType(String)
    /// There is no `sub`, or it is no string (§3.1).
    case missingSubject
    /// The `sub` is not a SPIFFE ID (§3.1).
    case invalidSubject(SPIFFEIDError)
    /// There is no bundle for the trust domain of the `sub`; bundles of others do not count.
    case unknownTrustDomain(TrustDomain)
    /// The bundle of the trust domain has no JWT authority (§6.2).
    case noJWTAuthorities(TrustDomain)
    /// The bundle of the trust domain has no JWT authority of this `kid`; shown up to 64 bytes.
    case unknownKeyID(String, TrustDomain)
    /// There is no `kid`, and no JWT authority of the trust domain signed the token.
    case noMatchingAuthority(TrustDomain)
    /// There is no `aud`, or no value in it (§3.2).
    case missingAudience
    /// A claim is not of the type or in the range that RFC 7519 §4.1 gives it.
    case malformedClaim(String)
    /// The expected audience is not among those of the token (§3.2).
    case audienceMismatch(expected: String)
    /// There is no `exp` (§3.3).
    case missingExpiration
    /// The token is not valid any more.
    case expired(Date)
    /// The token is not valid yet.
    case notYetValid(Date)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .noExpectedAudience: "jwt_svid.no_expected_audience"
        case .leewayOutOfRange: "jwt_svid.leeway_out_of_range"
        case .token: "jwt_svid.token"
        case .unsupportedType: "jwt_svid.unsupported_type"
        case .missingSubject: "jwt_svid.missing_subject"
        case .invalidSubject: "jwt_svid.invalid_subject"
        case .unknownTrustDomain: "jwt_svid.unknown_trust_domain"
        case .noJWTAuthorities: "jwt_svid.no_jwt_authorities"
        case .unknownKeyID: "jwt_svid.unknown_key_id"
        case .noMatchingAuthority: "jwt_svid.no_matching_authority"
        case .missingAudience: "jwt_svid.missing_audience"
        case .malformedClaim: "jwt_svid.malformed_claim"
        case .audienceMismatch: "jwt_svid.audience_mismatch"
        case .missingExpiration: "jwt_svid.missing_expiration"
        case .expired: "jwt_svid.expired"
        case .notYetValid: "jwt_svid.not_yet_valid"
        }
    }
}

extension JWTSVIDError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noExpectedAudience: "no audience to expect is given"
        case .leewayOutOfRange(let leeway): "the clocks are not allowed to be \(leeway) apart"
        case .token(let error): "it is not a valid JWT: \(error)"
        case .unsupportedType(let type): "its typ is \(String(reflecting: type)), not JWT or JOSE"
        case .missingSubject: "it has no sub"
        case .invalidSubject(let error): "its sub is not a SPIFFE ID: \(error)"
        case .unknownTrustDomain(let trustDomain): "there is no bundle for the trust domain \(trustDomain)"
        case .noJWTAuthorities(let trustDomain): "the bundle of \(trustDomain) has no JWT authority"
        case .unknownKeyID(let keyID, let trustDomain):
            "the bundle of \(trustDomain) has no JWT authority \(String(reflecting: keyID))"
        case .noMatchingAuthority(let trustDomain): "it has no kid, and no JWT authority of \(trustDomain) signed it"
        case .missingAudience: "it has no aud"
        case .malformedClaim(let name): "its \(name) is malformed"
        case .audienceMismatch(let expected): "its aud does not have \(String(reflecting: expected))"
        case .missingExpiration: "it has no exp"
        case .expired(let moment): "it is not valid after \(moment.formatted(.iso8601))"
        case .notYetValid(let moment): "it is not valid before \(moment.formatted(.iso8601))"
        }
    }
}
