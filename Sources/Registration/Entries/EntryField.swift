/// A field of a registration entry, by its name on the wire.
package enum EntryField: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case id
    case spiffeID = "spiffe_id"
    case parentID = "parent_id"
    case selectors
    case x509SVIDTTL = "x509_svid_ttl"
    case jwtSVIDTTL = "jwt_svid_ttl"
    case federatesWith = "federates_with"
    case admin
    case downstream
    case expiresAt = "expires_at"
    case dnsNames = "dns_names"
    case storeSVID = "store_svid"
    case hint
    case additionalAttributes = "additional_attributes"

    package var description: String { self.rawValue }
}

extension Set<EntryField> {
    /// Every field that an update may change: all but the id.
    package static var allUpdatable: Self { Set(EntryField.allCases).subtracting([.id]) }
}
