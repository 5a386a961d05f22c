package import SPIFFE

/// Why an entry or a part of one was refused; each case names the field, by its name on the wire.
package enum RegistrationError: Error, Hashable, Sendable {
    /// The field must be given and is not.
    case missing(EntryField)
    /// The field holds no SPIFFE ID (SPIFFE-ID §2).
    case invalidSPIFFEID(EntryField, SPIFFEIDError)
    /// The SPIFFE ID belongs to another trust domain than the one this server serves.
    case foreignTrustDomain(EntryField, TrustDomain, served: TrustDomain)
    /// The SPIFFE ID is the trust domain itself: it has no path.
    case pathMissing(EntryField)
    /// `/spire` and everything under it belongs to the server.
    case reservedPath(EntryField, SPIFFEID)
    /// A selector is malformed.
    case invalidSelector(SelectorProblem)
    /// An entry whose SVID goes to a store has selectors of one type, the store's.
    case mixedSelectorTypes
    /// An entry whose SVID goes to a store is never fetched by a workload, so it cannot say when to sign for one.
    case storedAndNotPrefetched
    /// A list has more items than allowed.
    case tooMany(EntryField, count: Int, limit: Int)
    /// A text is longer than allowed.
    case tooLong(EntryField, bytes: Int, limit: Int)
    /// A text contains a NUL byte.
    case containsNUL(EntryField)
    /// A time to live is negative or more than ``EntryDraft/maxTTLSeconds``.
    case ttlOutOfRange(EntryField, seconds: Int64)
    /// The expiry is negative or after the year 9999.
    case expiryOutOfRange(seconds: Int64)
    /// A DNS name is malformed.
    case invalidDNSName(String, DNSNameProblem)
    /// A wildcard covers another name of the entry.
    case overlappingDNSNames(wildcard: String, name: String)
    /// `federates_with` holds no trust domain.
    case invalidTrustDomain(SPIFFEIDError)
    /// `federates_with` names the server's own trust domain.
    case federatesWithItself(TrustDomain)
    /// `federates_with` names a trust domain of which the server has no bundle.
    case bundleUnknown(TrustDomain)
    /// Downstream entries have nothing behind them on this server.
    case downstreamRefused
    /// An entry id has a byte other than `A-Z a-z 0-9 . _ -`.
    case invalidEntryID
    /// An entry id begins with a prefix that the server keeps for itself.
    case reservedEntryID(prefix: String)
    /// A filter compares with an empty set.
    case emptyMatch(EntryField)
}

extension RegistrationError {
    /// The field that is wrong.
    package var field: EntryField {
        switch self {
        case .missing(let field), .invalidSPIFFEID(let field, _), .foreignTrustDomain(let field, _, _),
            .pathMissing(let field), .reservedPath(let field, _), .tooMany(let field, _, _),
            .tooLong(let field, _, _), .containsNUL(let field), .ttlOutOfRange(let field, _), .emptyMatch(let field):
            field
        case .invalidSelector, .mixedSelectorTypes: .selectors
        case .expiryOutOfRange: .expiresAt
        case .invalidDNSName, .overlappingDNSNames: .dnsNames
        case .invalidTrustDomain, .federatesWithItself, .bundleUnknown: .federatesWith
        case .downstreamRefused: .downstream
        case .storedAndNotPrefetched: .additionalAttributes
        case .invalidEntryID, .reservedEntryID: .id
        }
    }
}

extension RegistrationError: CustomStringConvertible {
    /// One sentence that begins with the field's name.
    package var description: String { "\(self.field): \(self.reason)" }

    private var reason: String {
        switch self {
        case .missing: "must be given"
        case .invalidSPIFFEID(_, let error): "not a SPIFFE ID: \(error)"
        case .foreignTrustDomain(_, let other, let served):
            "is in trust domain \(other.name), this server serves \(served.name)"
        case .pathMissing: "has no path"
        case .reservedPath(_, let id): "\(id.path) is reserved for the server: /spire and everything under it"
        case .invalidSelector(let problem): problem.description
        case .storedAndNotPrefetched: "disable_x509_svid_prefetch does not go together with store_svid"
        case .mixedSelectorTypes: "must all have one type when store_svid is set"
        case .tooMany(_, let count, let limit): "has \(count) items, at most \(limit) are allowed"
        case .tooLong(_, let bytes, let limit): "has \(bytes) bytes, at most \(limit) are allowed"
        case .containsNUL: "contains a NUL byte"
        case .ttlOutOfRange(_, let seconds): "\(seconds) s is not in 0…\(EntryDraft.maxTTLSeconds)"
        case .expiryOutOfRange(let seconds): "\(seconds) is not in 0…\(EntryDraft.maxExpirySeconds)"
        case .invalidDNSName(let name, let problem): "\(name): \(problem)"
        case .overlappingDNSNames(let wildcard, let name): "\(wildcard) already covers \(name)"
        case .invalidTrustDomain(let error): "not a trust domain: \(error)"
        case .federatesWithItself(let trustDomain): "\(trustDomain.name) is this server's own trust domain"
        case .bundleUnknown(let trustDomain): "there is no bundle of \(trustDomain.name)"
        case .downstreamRefused: "downstream entries are not served"
        case .invalidEntryID: "may hold only letters, digits, '.', '_' and '-'"
        case .reservedEntryID(let prefix): "ids that begin with \(prefix) are the server's own"
        case .emptyMatch: "the filter compares with an empty set"
        }
    }
}
