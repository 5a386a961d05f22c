package import FoundationEssentials
package import SPIFFE

/// Why an SVID is not issued.
package enum IssuanceError: Error, Hashable {
    /// The SPIFFE ID is of another trust domain.
    case foreignTrustDomain(TrustDomain)
    /// The SPIFFE ID has no path (X509-SVID §3.1; for JWT-SVIDs, too).
    case withoutPath
    /// The SPIFFE ID is `/spire` or below, which no workload has.
    case reservedID(SPIFFEID)
    /// The SPIFFE ID is not below `/spire/agent`.
    case notAgentID(SPIFFEID)
    /// The wanted lifetime is less than a second.
    case invalidTTL(Duration)
    /// The authority that should sign has expired, at this moment.
    case authorityExpired(Date)
    /// The key is of a kind, or an RSA key of a size, that is not certified.
    case unsupportedKey(X509SVIDRequestError)
    /// A DNS name is malformed, or they do not go together.
    case dnsNames(DNSNamesError)
    /// There is no audience, or only empty ones (JWT-SVID §3.2).
    case noAudience
    /// The audiences have more than ``AuthorityState/maxAudienceBytes`` bytes together.
    case audienceTooLong(maxBytes: Int)
    /// The token would be longer than validators read.
    case tokenTooLong(maxBytes: Int)
    /// SVIDs of this kind are not issued here.
    case noAuthority
    /// The private key of the authority did not sign, or what was to be signed cannot be written.
    case signingFailed
    /// What was made is not what it should be; it was thrown away.
    case profileViolated(ProfileViolation)

    /// A stable name of the case, for metrics.
    package var label: String {
        switch self {
        case .foreignTrustDomain: "issuance.foreign_trust_domain"
        case .withoutPath: "issuance.without_path"
        case .reservedID: "issuance.reserved_id"
        case .notAgentID: "issuance.not_agent_id"
        case .invalidTTL: "issuance.invalid_ttl"
        case .authorityExpired: "issuance.authority_expired"
        case .unsupportedKey: "issuance.unsupported_key"
        case .dnsNames: "issuance.dns_names"
        case .noAudience: "issuance.no_audience"
        case .audienceTooLong: "issuance.audience_too_long"
        case .tokenTooLong: "issuance.token_too_long"
        case .noAuthority: "issuance.no_authority"
        case .signingFailed: "issuance.signing_failed"
        case .profileViolated: "issuance.profile_violated"
        }
    }
}

extension IssuanceError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .foreignTrustDomain(let trustDomain):
            "the SPIFFE ID is of the trust domain \(trustDomain), not of this one"
        case .withoutPath: "the SPIFFE ID has no path"
        case .reservedID(let id): "the SPIFFE ID \(id) is reserved for the control plane"
        case .notAgentID(let id): "the SPIFFE ID \(id) is not that of an agent"
        case .invalidTTL(let ttl): "the lifetime \(ttl) is less than a second"
        case .authorityExpired(let date): "the authority has expired at \(date.formatted(.iso8601))"
        case .unsupportedKey(let error): "\(error)"
        case .dnsNames(let error): "\(error)"
        case .noAudience: "there is no audience"
        case .audienceTooLong(let maxBytes): "the audiences have more than \(maxBytes) bytes"
        case .tokenTooLong(let maxBytes): "the token would have more than \(maxBytes) bytes"
        case .noAuthority: "there is no authority for SVIDs of this kind"
        case .signingFailed: "the authority could not sign"
        case .profileViolated(let violation): "the issued document violates its profile (\(violation))"
        }
    }
}
