package import JOSE

/// Why there is no key pair, or it did not sign.
package enum KeyPairError: Error, Hashable {
    /// Not DER PKCS#8 (RFC 5208), or what is in it is no key.
    case malformed
    /// A key that is none of ``KeyType``.
    case unsupportedKeyType
    /// The cryptographic library made no key.
    case generationFailed(KeyType)
    /// Keys of this type do not sign with this algorithm.
    case unsupportedAlgorithm(KeyType, SignatureAlgorithm)
    /// The cryptographic library made no signature.
    case signingFailed(KeyType)
}

extension KeyPairError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed: "the private key is not valid PKCS#8"
        case .unsupportedKeyType: "the private key is of a type that is not supported"
        case .generationFailed(let type): "no key of type \(type.rawValue) could be generated"
        case .unsupportedAlgorithm(let type, let algorithm):
            "a key of type \(type.rawValue) does not sign with \(algorithm.rawValue)"
        case .signingFailed(let type): "signing with a key of type \(type.rawValue) failed"
        }
    }
}
