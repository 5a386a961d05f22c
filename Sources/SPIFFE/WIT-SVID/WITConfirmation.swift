public import JOSE

/// The key whose possession the holder of a WIT-SVID proves: the `cnf` of the token (WIT-SVID §3.2, RFC 7800 §3.2).
public struct WITConfirmation: Hashable, Sendable {
    public let publicKey: PublicKey
    /// The only algorithm that proofs are signed with; it fits the key.
    public let algorithm: SignatureAlgorithm

    /// Makes a confirmation of a key; nil when key and algorithm do not go together.
    public init?(publicKey: PublicKey, algorithm: SignatureAlgorithm) {
        guard publicKey.supportedAlgorithms.contains(algorithm) else { return nil }
        self.publicKey = publicKey
        self.algorithm = algorithm
    }

    /// Reads the claim; members beside `jwk` are ignored.
    init(_ claim: JSONValue?) throws(WITSVIDError) {
        guard let confirmation = claim?.object else { throw .missingConfirmation }
        guard let object = confirmation["jwk"]?.object else { throw .missingConfirmationKey }
        let key: JSONWebKey
        do { key = try JSONWebKey(object) } catch { throw .malformedConfirmationKey(error) }
        guard !key.hasPrivateMembers else { throw .privateConfirmationKey }
        guard let publicKey = key.publicKey else { throw .unsupportedConfirmationKey }
        guard let name = object["alg"]?.string else { throw .missingConfirmationAlgorithm }
        guard let algorithm = SignatureAlgorithm(rawValue: name), SignatureAlgorithm.svidAlgorithms.contains(algorithm)
        else {
            throw .unsupportedConfirmationAlgorithm(ShownText.prefix(name))
        }
        guard publicKey.supportedAlgorithms.contains(algorithm) else {
            throw .confirmationAlgorithmMismatch(algorithm)
        }
        self.publicKey = publicKey
        self.algorithm = algorithm
    }

    /// The claim as issuers write it: an object whose `jwk` is the public key with its `alg`.
    package var claim: JSONValue {
        var key = JSONWebKey(publicKey: self.publicKey).object()
        key["alg"] = .string(self.algorithm.rawValue)
        return ["jwk": .object(key)]
    }
}
