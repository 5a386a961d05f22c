/// A JWS signature algorithm with a public key; there are no others here.
///
/// The raw value is the name in a JOSE header (RFC 7518 §3.1, RFC 8037 §3.1), compared with case.
public enum SignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    /// With Ed25519; for access tokens, never for SVIDs.
    case edDSA = "EdDSA"

    /// Those that JWT-SVID §2.1 allows, in its order; WIT-SVIDs and their proofs have no others.
    public static let svidAlgorithms: [SignatureAlgorithm] = Self.allCases.filter { $0 != .edDSA }
}
