package import JOSE

/// A kind of key that is made here; the raw value is its name in configurations, as SPIRE's.
package enum KeyType: String, Sendable, Hashable, CaseIterable {
    case ecP256 = "ec-p256"
    case ecP384 = "ec-p384"
    case rsa2048 = "rsa-2048"
    case rsa4096 = "rsa-4096"

    /// The algorithm a JWT authority with such a key signs with.
    package var jwtAlgorithm: SignatureAlgorithm {
        switch self {
        case .ecP256: .es256
        case .ecP384: .es384
        case .rsa2048, .rsa4096: .rs256
        }
    }
}
