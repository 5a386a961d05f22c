package import JOSE

/// A kind of key that is made here; the raw value is its name in configurations, as SPIRE's.
package enum KeyType: String, Sendable, Hashable, CaseIterable {
    case ecP256 = "ec-p256"
    case ecP384 = "ec-p384"
    /// For access tokens only.
    case ed25519 = "ed25519"
    case rsa2048 = "rsa-2048"
    case rsa4096 = "rsa-4096"

    /// The kinds whose keys sign and are in SVIDs.
    package static let svidTypes: [KeyType] = Self.allCases.filter { $0 != .ed25519 }

    /// The algorithm that tokens are signed with by such a key.
    package var jwtAlgorithm: SignatureAlgorithm {
        switch self {
        case .ecP256: .es256
        case .ecP384: .es384
        case .ed25519: .edDSA
        case .rsa2048, .rsa4096: .rs256
        }
    }
}
