public import JOSE

/// Why bytes are not a trust bundle or a bundle map; the whole document is then refused.
///
/// An entry that cannot be used is no error: see ``SkippedBundleEntry``.
@nonexhaustive
public enum TrustBundleError: Error, Hashable {
    /// The document is longer than the limit, in bytes.
    case tooLong(maxBytes: Int)
    /// The document is not JSON, or has a member twice (Trust Domain and Bundle §4).
    case malformedJSON(JSONError)
    /// The document is JSON, but no object (§4.1).
    case notAnObject
    /// The document has no `keys` (§4.1.3).
    case keysMissing
    /// The `keys` are no array (§4.1.3).
    case keysNotAnArray
    /// The entry of this index is no object (RFC 7517 §5).
    case keyNotAnObject(index: Int)
    /// There are more than ``TrustBundle/maxAuthorities`` entries or certificates.
    case tooManyAuthorities(limit: Int)
    /// The `spiffe_sequence` is no integer of 64 bits without sign (§4.1.1).
    case invalidSequenceNumber
    /// The `spiffe_refresh_hint` is no integer from 0 to ``TrustBundle/maxRefreshHintSeconds`` (§4.1.2).
    case invalidRefreshHint

    /// The certificate of this index is not DER X.509 of at most ``VerifiedX509SVID/maxCertificateBytes``.
    case malformedCertificate(index: Int)
    /// The text is not PEM, a block is not whole, or what is in it is not base64.
    case malformedPEM

    /// The bundle map has no `trust_domains` (§5.1).
    case trustDomainsMissing
    /// The `trust_domains` are no object (§5.1).
    case trustDomainsNotAnObject
    /// The bundle map has more than ``TrustBundleMap/maxTrustDomains`` members.
    case tooManyTrustDomains(limit: Int)
    /// A member of `trust_domains` is not named like a trust domain (§5.1).
    case invalidTrustDomain(SPIFFEIDError)
    /// Two bundles are of one trust domain (§5.1).
    case duplicateTrustDomain(TrustDomain)
    /// The bundle of this trust domain in a bundle map is refused.
    indirect case invalidBundle(TrustDomain, TrustBundleError)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .tooLong: "trust_bundle.too_long"
        case .malformedJSON: "trust_bundle.malformed_json"
        case .notAnObject: "trust_bundle.not_an_object"
        case .keysMissing: "trust_bundle.keys_missing"
        case .keysNotAnArray: "trust_bundle.keys_not_an_array"
        case .keyNotAnObject: "trust_bundle.key_not_an_object"
        case .tooManyAuthorities: "trust_bundle.too_many_authorities"
        case .invalidSequenceNumber: "trust_bundle.invalid_sequence_number"
        case .invalidRefreshHint: "trust_bundle.invalid_refresh_hint"
        case .malformedCertificate: "trust_bundle.malformed_certificate"
        case .malformedPEM: "trust_bundle.malformed_pem"
        case .trustDomainsMissing: "trust_bundle.trust_domains_missing"
        case .trustDomainsNotAnObject: "trust_bundle.trust_domains_not_an_object"
        case .tooManyTrustDomains: "trust_bundle.too_many_trust_domains"
        case .invalidTrustDomain: "trust_bundle.invalid_trust_domain"
        case .duplicateTrustDomain: "trust_bundle.duplicate_trust_domain"
        case .invalidBundle: "trust_bundle.invalid_bundle"
        }
    }
}

extension TrustBundleError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let maxBytes): "it has more than \(maxBytes) bytes"
        case .malformedJSON(let error): "it is not JSON: \(error)"
        case .notAnObject: "it is not a JSON object"
        case .keysMissing: "it has no member keys"
        case .keysNotAnArray: "its keys are not an array"
        case .keyNotAnObject(let index): "entry \(index) of its keys is not an object"
        case .tooManyAuthorities(let limit): "it has more than \(limit) authorities"
        case .invalidSequenceNumber: "its spiffe_sequence is not an integer of 64 bits without sign"
        case .invalidRefreshHint: "its spiffe_refresh_hint is not a number of whole seconds"
        case .malformedCertificate(let index): "certificate \(index) is not DER X.509"
        case .malformedPEM: "it is not PEM"
        case .trustDomainsMissing: "it has no member trust_domains"
        case .trustDomainsNotAnObject: "its trust_domains are not an object"
        case .tooManyTrustDomains(let limit): "it has more than \(limit) trust domains"
        case .invalidTrustDomain(let error): "one of its trust domains is not named like one: \(error)"
        case .duplicateTrustDomain(let trustDomain): "it has two bundles of \(trustDomain)"
        case .invalidBundle(let trustDomain, let error): "its bundle of \(trustDomain) is refused: \(error)"
        }
    }
}
