import FoundationEssentials
import JOSE

extension WITSVIDError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .leewayOutOfRange(let leeway): "the clocks are not allowed to be \(leeway) apart"
        case .token(let error): "it is not a valid JWT: \(error)"
        case .missingType: "it has no typ"
        case .unsupportedType(let type): "its typ is \(String(reflecting: type)), not wit+jwt"
        case .missingKeyID: "it has no kid"
        case .missingSubject: "it has no sub"
        case .invalidSubject(let error): "its sub is not a SPIFFE ID: \(error)"
        case .unknownTrustDomain(let trustDomain): "there is no bundle for the trust domain \(trustDomain)"
        case .noWITAuthorities(let trustDomain): "the bundle of \(trustDomain) has no WIT authority"
        case .unknownKeyID(let keyID, let trustDomain):
            "the bundle of \(trustDomain) has no WIT authority \(String(reflecting: keyID))"
        case .audiencePresent: "it has an aud"
        case .malformedClaim(let name): "its \(name) is malformed"
        case .missingExpiration: "it has no exp"
        case .expired(let moment): "it is not valid after \(moment.formatted(.iso8601))"
        case .notYetValid(let moment): "it is not valid before \(moment.formatted(.iso8601))"
        case .lifetimeTooLong(let max): "it is valid for longer than \(max)"
        case .missingConfirmation: "it has no cnf"
        case .missingConfirmationKey: "its cnf has no jwk"
        case .privateConfirmationKey: "its cnf has a private or symmetric key"
        case .unsupportedConfirmationKey: "its cnf has a key of a kind that is not known"
        case .malformedConfirmationKey(let error): "its cnf has a malformed key: \(error)"
        case .missingConfirmationAlgorithm: "the key of its cnf has no alg"
        case .unsupportedConfirmationAlgorithm(let name): "the alg of its cnf is \(String(reflecting: name))"
        case .confirmationAlgorithmMismatch(let algorithm):
            "the alg of its cnf is \(algorithm.rawValue), which its key is not for"
        case .missingProof: "it comes without proof of possession"
        case .proof(let error): "its proof of possession is refused: \(error)"
        case .malformedPrivateKey(let error): "its private key is no private JWK: \(error)"
        case .privateKeyMismatch: "its private key is not that of its cnf"
        }
    }
}
