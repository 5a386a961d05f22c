/// Why bytes are not a public key that can verify signatures here.
@nonexhaustive
public enum PublicKeyError: Error, Hashable {
    /// Not a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), or not its only encoding, or the key in it is none.
    case malformed
    /// A well-formed key of a kind that signs no SVIDs, such as Ed25519, secp256k1 or RSASSA-PSS-only
    /// RSA.
    case unsupportedKeyType
    /// An RSA modulus shorter than 2,048 or longer than 8,192 bits.
    case rsaModulusBits(Int)
}
