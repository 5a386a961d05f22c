public import SPIFFE

/// What is wrong with a message of the Workload API.
///
/// Fields are named as on the wire.
@nonexhaustive
public enum WorkloadAPIMessageError: Error, Hashable {
    /// The bytes are no message of this kind.
    case undecodable
    /// A mandatory field has its default value (SPIFFE Workload API §4.5).
    case missing(field: String)
    /// A field has more elements, or more bytes, than are accepted.
    case tooMany(field: String, limit: Int)
    /// A SPIFFE ID or trust domain cannot be parsed.
    case malformedID(field: String, SPIFFEIDError)
    /// The certificates or the key are no X509-SVID.
    case malformedX509SVID(SPIFFEID, X509SVIDError)
    /// The SVID is not one that a peer with the same bundles would accept at this time: it has expired, or the
    /// authorities it was sent with did not issue it.
    case invalidX509SVID(SPIFFEID, X509SVIDError)
    /// The token is no JWT-SVID, or has expired.
    case malformedJWTSVID(SPIFFEID, JWTSVIDError)
    /// Token and key are no WIT-SVID, or the token has expired.
    case malformedWITSVID(SPIFFEID, WITSVIDError)
    /// The bundle of a trust domain cannot be parsed.
    case malformedBundle(TrustDomain, TrustBundleError)
    /// A bundle is named by a SPIFFE ID with a path: it would be nobody's.
    case bundleNamedByPath(SPIFFEID)
    /// The message gives one trust domain two bundles of different authorities.
    case contradictoryBundles(TrustDomain)
    /// The message names one SPIFFE ID, the SVID inside proves another.
    case spiffeIDMismatch(named: SPIFFEID, proved: SPIFFEID)
    /// The answer is for another SPIFFE ID than the one asked for.
    case unexpectedSPIFFEID(SPIFFEID)
    /// The token is not for all the audiences asked for.
    case audienceMismatch(SPIFFEID)
    /// The claims of a validated token cannot be represented as JSON.
    case malformedClaims

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .undecodable: "workload_api_message.undecodable"
        case .missing: "workload_api_message.missing"
        case .tooMany: "workload_api_message.too_many"
        case .malformedID: "workload_api_message.malformed_id"
        case .malformedX509SVID: "workload_api_message.malformed_x509_svid"
        case .invalidX509SVID: "workload_api_message.invalid_x509_svid"
        case .malformedJWTSVID: "workload_api_message.malformed_jwt_svid"
        case .malformedWITSVID: "workload_api_message.malformed_wit_svid"
        case .malformedBundle: "workload_api_message.malformed_bundle"
        case .bundleNamedByPath: "workload_api_message.bundle_named_by_path"
        case .contradictoryBundles: "workload_api_message.contradictory_bundles"
        case .spiffeIDMismatch: "workload_api_message.spiffe_id_mismatch"
        case .unexpectedSPIFFEID: "workload_api_message.unexpected_spiffe_id"
        case .audienceMismatch: "workload_api_message.audience_mismatch"
        case .malformedClaims: "workload_api_message.malformed_claims"
        }
    }
}

extension WorkloadAPIMessageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .undecodable: "the bytes are no message of this kind"
        case .missing(let field): "the mandatory field \(field) is empty"
        case .tooMany(let field, let limit): "the field \(field) exceeds \(limit)"
        case .malformedID(let field, let error): "the field \(field) holds no SPIFFE ID: \(error)"
        case .malformedX509SVID(let id, let error): "the X509-SVID of \(id) is malformed: \(error)"
        case .invalidX509SVID(let id, let error): "the X509-SVID of \(id) is not valid: \(error)"
        case .malformedJWTSVID(let id, let error): "the JWT-SVID of \(id) cannot be used: \(error)"
        case .malformedWITSVID(let id, let error): "the WIT-SVID of \(id) is malformed: \(error)"
        case .malformedBundle(let trustDomain, let error): "the bundle of \(trustDomain) is malformed: \(error)"
        case .bundleNamedByPath(let id): "a bundle is named \(id), which is no trust domain"
        case .contradictoryBundles(let trustDomain): "there are two different bundles for \(trustDomain)"
        case .spiffeIDMismatch(let named, let proved): "the SVID named \(named) is that of \(proved)"
        case .unexpectedSPIFFEID(let id): "the answer is for \(id), which was not asked for"
        case .audienceMismatch(let id): "the JWT-SVID of \(id) is not for the audience that was asked for"
        case .malformedClaims: "the claims are no JSON"
        }
    }
}
