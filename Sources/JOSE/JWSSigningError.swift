/// Why nothing is signed.
@nonexhaustive
public enum JWSSigningError: Error, Hashable {
    /// The key is of another type or curve than the algorithm needs.
    case algorithmDoesNotMatchKey(SignatureAlgorithm)
    /// The cryptographic library refused.
    case signingFailed
}
