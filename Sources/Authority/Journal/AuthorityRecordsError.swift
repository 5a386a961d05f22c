package import SPIFFE

/// Why records of authorities are refused as a whole.
///
/// Starting anyway would replace authorities that others trust, so it is left to the operator to restore the store.
package enum AuthorityRecordsError: Error, Hashable {
    /// The records have a form that this program does not know.
    case unsupportedVersion(Int)
    /// There are more than ``AuthoritySet/maxAuthorities`` of one kind that have not expired.
    case tooManyAuthorities(limit: Int)
    /// Two authorities of a kind are in a slot that has room for one.
    case slotTaken(AuthorityRecords.Slot)
    /// Two authorities of a kind, or a JWT and a WIT authority, have this identifier.
    case duplicateID(String)
    /// The certificate of the X.509 authority at this index is not DER, or not one of a signing authority.
    case malformedCertificate(index: Int)
    /// The certificate of the X.509 authority at this index is not of the trust domain that is served.
    case foreignCertificate(index: Int, expected: TrustDomain)
    /// The JWT or WIT authority at this index has no `kid` or no public key that signs tokens, or its times are out of range.
    case malformedKey(index: Int)
}

extension AuthorityRecordsError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsupportedVersion(let version): "the records of the authorities have the unknown version \(version)"
        case .tooManyAuthorities(let limit):
            "there are records of more than \(limit) authorities of one kind that have not expired"
        case .slotTaken(let slot): "two recorded authorities of one kind are \(slot.rawValue)"
        case .duplicateID(let id): "the authority \(id) is recorded twice"
        case .malformedCertificate(let index): "the recorded certificate \(index) is not that of an authority"
        case .foreignCertificate(let index, let expected):
            "the recorded certificate \(index) is not of the trust domain \(expected)"
        case .malformedKey(let index): "the recorded JWT or WIT authority \(index) is malformed"
        }
    }
}
