public import FoundationEssentials
public import JOSE
public import SPIFFE

/// Why an access token is refused; one case a rule.
///
/// Texts that come from the token are shown up to 64 bytes.
@nonexhaustive
public enum AccessTokenError: Error, Hashable {
    /// The token is no signed JWT with an algorithm that is known here, or its signature is invalid.
    case token(JWTError)
    /// The header brings a key or points to one: `jwk`, `jku`, `x5u` or `x5c` (RFC 8725 §3.10).
    case keyInHeader(String)
    /// There is no `typ` (RFC 9068 §2.1).
    case missingType
    /// The `typ` is neither `at+jwt` nor `application/at+jwt` (RFC 9068 §4, RFC 8725 §3.11).
    case unsupportedType(String)
    /// The algorithm is not among those that are accepted from the issuer (RFC 8725 §3.1).
    case algorithmNotAllowed(SignatureAlgorithm)
    /// There is no `kid`, or it is empty; a token is never tried against several keys.
    case missingKeyID
    /// The issuer has no signing key of this `kid`.
    case unknownKeyID(String)
    /// The claim is required, and is not there (RFC 9068 §2.2).
    case missingClaim(String)
    /// A claim is not of the type or in the range that its standard gives it.
    case malformedClaim(String)
    /// The `iss` is not exactly the issuer that is expected (RFC 9068 §4, RFC 8725 §3.8).
    case issuerMismatch(expected: String)
    /// The `aud` has more than one value: which service is meant is not said.
    case severalAudiences
    /// The `aud` is not exactly the audience that is expected (RFC 9068 §4, RFC 8725 §3.9).
    case audienceMismatch(expected: String)
    /// The `sub` is not a SPIFFE ID.
    case invalidSubject(SPIFFEIDError)
    /// The `client_id` is not the `sub` (RFC 9068 §2.2, client credentials).
    case clientMismatch
    /// The `sub` is of a trust domain for which the issuer does not speak (RFC 8725 §3.8).
    case subjectOutsideTrustDomains(TrustDomain)
    /// The scopes of the token are malformed.
    case scope(ScopeError)
    /// The token is not valid any more.
    case expired(Date)
    /// The token is not valid yet.
    case notYetValid(Date)
    /// The `iat` is further in the future than clocks may be apart.
    case issuedInFuture(Date)
    /// The time from `iat` to `exp` is longer than an access token may have, or `exp` is not after `iat`.
    case unacceptableLifetime(max: Duration)
    /// The `cnf` binds the token in a way that is not known here (RFC 7800 §3.1).
    case unsupportedConfirmation
    /// The TLS peer is not the `sub` of the token.
    case peerMismatch(peer: SPIFFEID)
    /// The certificate of the TLS peer is not the one that the token is bound to (RFC 8705 §3).
    case certificateMismatch
    /// The token, its subject, its key or the certificate of the peer is revoked.
    case revoked(Revocation.Target)
    /// The token does not have the scopes that are needed (RFC 6750 §3.1).
    case insufficientScope(ScopeRequirement)
}

extension AccessTokenError {
    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .token: "access_token.token"
        case .keyInHeader: "access_token.key_in_header"
        case .missingType: "access_token.missing_type"
        case .unsupportedType: "access_token.unsupported_type"
        case .algorithmNotAllowed: "access_token.algorithm_not_allowed"
        case .missingKeyID: "access_token.missing_key_id"
        case .unknownKeyID: "access_token.unknown_key_id"
        case .missingClaim: "access_token.missing_claim"
        case .malformedClaim: "access_token.malformed_claim"
        case .issuerMismatch: "access_token.issuer_mismatch"
        case .severalAudiences: "access_token.several_audiences"
        case .audienceMismatch: "access_token.audience_mismatch"
        case .invalidSubject: "access_token.invalid_subject"
        case .clientMismatch: "access_token.client_mismatch"
        case .subjectOutsideTrustDomains: "access_token.subject_outside_trust_domains"
        case .scope: "access_token.scope"
        case .expired: "access_token.expired"
        case .notYetValid: "access_token.not_yet_valid"
        case .issuedInFuture: "access_token.issued_in_future"
        case .unacceptableLifetime: "access_token.unacceptable_lifetime"
        case .unsupportedConfirmation: "access_token.unsupported_confirmation"
        case .peerMismatch: "access_token.peer_mismatch"
        case .certificateMismatch: "access_token.certificate_mismatch"
        case .revoked: "access_token.revoked"
        case .insufficientScope: "access_token.insufficient_scope"
        }
    }
}

extension AccessTokenError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .token(let error): "it is not a valid JWT: \(error)"
        case .keyInHeader(let member): "its header has \(member)"
        case .missingType: "it has no typ"
        case .unsupportedType(let type): "its typ is \(String(reflecting: type)), not at+jwt"
        case .algorithmNotAllowed(let algorithm): "its algorithm \(algorithm.rawValue) is not accepted"
        case .missingKeyID: "it has no kid"
        case .unknownKeyID(let keyID): "the issuer has no signing key \(String(reflecting: keyID))"
        case .missingClaim(let name): "it has no \(name)"
        case .malformedClaim(let name): "its \(name) is malformed"
        case .issuerMismatch(let expected): "its iss is not \(String(reflecting: expected))"
        case .severalAudiences: "it has more than one aud"
        case .audienceMismatch(let expected): "its aud is not \(String(reflecting: expected))"
        case .invalidSubject(let error): "its sub is not a SPIFFE ID: \(error)"
        case .clientMismatch: "its client_id is not its sub"
        case .subjectOutsideTrustDomains(let trustDomain): "its issuer does not speak for \(trustDomain)"
        case .scope(let error): "its scopes are malformed: \(error)"
        case .expired(let moment): "it is not valid after \(moment.formatted(.iso8601))"
        case .notYetValid(let moment): "it is not valid before \(moment.formatted(.iso8601))"
        case .issuedInFuture(let moment): "it says it was issued at \(moment.formatted(.iso8601)), which is to come"
        case .unacceptableLifetime(let max): "its lifetime is not between zero and \(max)"
        case .unsupportedConfirmation: "its cnf is of a kind that is not known"
        case .peerMismatch(let peer): "it does not belong to the peer \(peer)"
        case .certificateMismatch: "it is bound to another certificate than the peer's"
        case .revoked(let target): "revoked: \(target)"
        case .insufficientScope(let requirement): "it lacks \(requirement)"
        }
    }
}
