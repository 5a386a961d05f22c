package import SPIFFE

/// Why a service or a grant is not what the rules allow.
package enum AccessRuleError: Error, Hashable, Sendable {
    /// A service name has other characters than ``ServiceName`` allows, or is too long.
    case invalidServiceName
    /// The text is no SPIFFE ID, nor one followed by `/*`.
    case invalidSPIFFEID(SPIFFEIDError)
    /// A prefix ends inside of a segment: `spiffe://example.org/pay*`.
    case prefixInsideSegment
    /// The SPIFFE ID is of another trust domain.
    case foreignTrustDomain(TrustDomain, served: TrustDomain)
    /// `/spire` and everything below it belong to the control plane.
    case reservedPath(SPIFFEID)
    /// The SPIFFE ID is the trust domain itself.
    case pathMissing(SPIFFEID)
    /// An audience is not an absolute URI, or has a fragment.
    case invalidAudience
    case audienceTooLong(bytes: Int)
    /// A service has no owner: somebody must answer for it.
    case ownerMissing
    case tooManyOwners(Int)
    /// An owner is empty, too long, or has characters that are not printable.
    case invalidOwner
    /// A description or a reason is longer than ``RegisteredService/maxTextBytes`` or has control characters.
    case invalidText
    /// A grant has no scope.
    case scopeMissing
    /// A maximum lifetime is outside of ``TokenLifetime/range``.
    case lifetimeOutOfRange(seconds: Int64)
    /// A grant's end is not a second of the years 1970 to 9999.
    case endOutOfRange(seconds: Int64)
}

extension AccessRuleError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidServiceName:
            "a service name has 1 to \(ServiceName.maxBytes) of a-z, 0-9, '.', '_' and '-', the first a letter or digit"
        case .invalidSPIFFEID(let error): "not a SPIFFE ID: \(error)"
        case .prefixInsideSegment: "a prefix ends with a whole segment: write /* after it"
        case .foreignTrustDomain(let other, let served):
            "is in trust domain \(other.name), this server serves \(served.name)"
        case .reservedPath(let id): "\(id.path) is reserved for the server: /spire and everything under it"
        case .pathMissing(let id): "\(id) has no path"
        case .invalidAudience: "an audience is an absolute URI without a fragment"
        case .audienceTooLong(let bytes): "the audience has \(bytes) bytes, at most \(AudienceURI.maxBytes) are allowed"
        case .ownerMissing: "a service must have an owner"
        case .tooManyOwners(let count): "there are \(count) owners, at most \(RegisteredService.maxOwners) are allowed"
        case .invalidOwner: "an owner has 1 to \(RegisteredService.maxOwnerBytes) bytes of printable text"
        case .invalidText: "a text has at most \(RegisteredService.maxTextBytes) bytes and no control characters"
        case .scopeMissing: "a grant must have a scope"
        case .lifetimeOutOfRange(let seconds):
            "a lifetime of \(seconds) s is not in \(TokenLifetime.minimumSeconds)…\(TokenLifetime.maximumSeconds) s"
        case .endOutOfRange(let seconds): "\(seconds) is not a time until the year 9999"
        }
    }
}
