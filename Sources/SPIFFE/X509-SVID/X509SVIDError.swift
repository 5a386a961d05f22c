public import FoundationEssentials

/// Why a certificate chain is refused as an X509-SVID; one case a rule.
///
/// A `position` counts certificates from the leaf, which is 0, along the path that was judged; in one's own SVID, along
/// the chain as it was given.
@nonexhaustive
public enum X509SVIDError: Error, Hashable {
    /// There is no certificate.
    case emptyChain
    /// There are more than ``VerifiedX509SVID/maxChainLength`` certificates.
    case chainTooLong(count: Int)
    /// One's own chain has more than ``X509SVID/maxChainBytes`` bytes.
    case chainTooLarge(maxBytes: Int)
    /// The bytes are not a DER X.509 certificate of at most ``VerifiedX509SVID/maxCertificateBytes`` with key and
    /// signature of known types, or what they say of the signature is contradictory (RFC 5280 §4.1.1.2).
    case malformedCertificate(position: Int)
    /// An extension is not what RFC 5280 says it is; shown as its object identifier.
    case malformedExtension(String, position: Int)

    /// The serial number of the leaf has more than 20 bytes (RFC 5280 §4.1.2.2).
    case serialNumberTooLong(bytes: Int)
    /// The leaf has no URI SAN, so no SPIFFE ID (§2).
    case noURIName
    /// The leaf has several URI SANs, whatever they are (§2).
    case severalURINames(count: Int)
    /// The one URI SAN of the leaf is not a SPIFFE ID (§2, §5.2).
    case invalidSPIFFEID(SPIFFEIDError)
    /// The leaf is a CA certificate (§5.2).
    case leafIsCA
    /// The leaf has the key usage keyCertSign (§5.2).
    case leafMaySignCertificates
    /// The leaf has the key usage cRLSign (§5.2).
    case leafMaySignCRLs
    /// The SPIFFE ID of the leaf has no path (§5.2).
    case leafWithoutPath(TrustDomain)

    /// One's own leaf has no key usage extension (§4.3).
    case keyUsageMissing
    /// The key usage extension of one's own leaf is not critical (§4.3).
    case keyUsageNotCritical
    /// One's own leaf does not have the key usage digitalSignature (§4.3).
    case digitalSignatureMissing
    /// The private key is not DER PKCS#8 of a known type.
    case malformedPrivateKey
    /// The private key does not belong to the leaf.
    case privateKeyMismatch

    /// There is no bundle for the leaf's trust domain; bundles of others do not count (SPIFFE-ID §3).
    case unknownTrustDomain(TrustDomain)
    /// The bundle of the leaf's trust domain has no X.509 authority (§6.2).
    case noX509Authorities(TrustDomain)
    /// No trusted certificate has the name of this one's issuer, directly or through what the peer sent.
    case noTrustedIssuer(position: Int)
    /// The certificate was not signed by the one that bears its issuer's name.
    case invalidSignature(position: Int)
    /// The certificate is signed with an algorithm, or by an RSA key of a size, that is not accepted.
    case unsupportedSignature(position: Int)
    /// The certificate is not valid yet.
    case notYetValid(position: Int, notBefore: Date)
    /// The certificate is not valid any more.
    case expired(position: Int, notAfter: Date)
    /// A critical extension is not understood; shown as its object identifier.
    case unknownCriticalExtension(String, position: Int)
    /// A certificate that signed another has no basic constraints with cA true (§4.1).
    case issuerIsNotCA(position: Int)
    /// A certificate that signed another lacks the key usage keyCertSign (§4.3).
    case issuerMayNotSign(position: Int)
    /// More certificates follow below this one than its pathLenConstraint allows (§4.1).
    case pathLengthExceeded(position: Int)
    /// A URI name lies outside of what this certificate's name constraints allow (§4.2).
    case nameNotPermitted(position: Int)
    /// This certificate constrains names in a form that is not judged here, or URIs more than 64 times, and a certificate
    /// below has such a name; or it constrains URIs, and a certificate below has more than 64.
    case unjudgedNameConstraint(position: Int)
    /// The chain needs more than ``VerifiedX509SVID/maxSignatureChecks`` signature checks, or more than
    /// ``VerifiedX509SVID/maxIntermediateSignatureChecks`` between certificates that the peer sent.
    case tooManySignatureChecks

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .emptyChain: "x509_svid.empty_chain"
        case .chainTooLong: "x509_svid.chain_too_long"
        case .chainTooLarge: "x509_svid.chain_too_large"
        case .malformedCertificate: "x509_svid.malformed_certificate"
        case .malformedExtension: "x509_svid.malformed_extension"
        case .serialNumberTooLong: "x509_svid.serial_number_too_long"
        case .noURIName: "x509_svid.no_uri_name"
        case .severalURINames: "x509_svid.several_uri_names"
        case .invalidSPIFFEID: "x509_svid.invalid_spiffe_id"
        case .leafIsCA: "x509_svid.leaf_is_ca"
        case .leafMaySignCertificates: "x509_svid.leaf_may_sign_certificates"
        case .leafMaySignCRLs: "x509_svid.leaf_may_sign_crls"
        case .leafWithoutPath: "x509_svid.leaf_without_path"
        case .keyUsageMissing: "x509_svid.key_usage_missing"
        case .keyUsageNotCritical: "x509_svid.key_usage_not_critical"
        case .digitalSignatureMissing: "x509_svid.digital_signature_missing"
        case .malformedPrivateKey: "x509_svid.malformed_private_key"
        case .privateKeyMismatch: "x509_svid.private_key_mismatch"
        case .unknownTrustDomain: "x509_svid.unknown_trust_domain"
        case .noX509Authorities: "x509_svid.no_x509_authorities"
        case .noTrustedIssuer: "x509_svid.no_trusted_issuer"
        case .invalidSignature: "x509_svid.invalid_signature"
        case .unsupportedSignature: "x509_svid.unsupported_signature"
        case .notYetValid: "x509_svid.not_yet_valid"
        case .expired: "x509_svid.expired"
        case .unknownCriticalExtension: "x509_svid.unknown_critical_extension"
        case .issuerIsNotCA: "x509_svid.issuer_is_not_ca"
        case .issuerMayNotSign: "x509_svid.issuer_may_not_sign"
        case .pathLengthExceeded: "x509_svid.path_length_exceeded"
        case .nameNotPermitted: "x509_svid.name_not_permitted"
        case .unjudgedNameConstraint: "x509_svid.unjudged_name_constraint"
        case .tooManySignatureChecks: "x509_svid.too_many_signature_checks"
        }
    }
}
