import FoundationEssentials
import GRPCCore
import JOSE
import SPIFFE

extension WITConfirmation {
    /// Reads the key of a request, and the algorithm that its proofs will be signed with.
    ///
    /// - Parameter signingAlgorithm: Empty for the first that goes with the key.
    init(publicKeyDER: Data, signingAlgorithm: String) throws(WITKeyRefusal) {
        guard !publicKeyDER.isEmpty else { throw .missing }
        let publicKey: PublicKey
        do { publicKey = try PublicKey(subjectPublicKeyInfoDER: Array(publicKeyDER)) } catch { throw .malformed }
        let algorithm =
            signingAlgorithm.isEmpty
            ? publicKey.supportedAlgorithms.first : SignatureAlgorithm(rawValue: signingAlgorithm)
        guard let algorithm, SignatureAlgorithm.svidAlgorithms.contains(algorithm) else { throw .unsupportedAlgorithm }
        guard let confirmation = WITConfirmation(publicKey: publicKey, algorithm: algorithm) else {
            throw .algorithmOfOtherKeys
        }
        self = confirmation
    }
}

/// Why the key of a workload is put in no WIT-SVID.
enum WITKeyRefusal: Error, Hashable, RPCErrorConvertible {
    case missing
    case malformed
    case unsupportedAlgorithm
    case algorithmOfOtherKeys

    var message: String {
        switch self {
        case .missing: "missing public key"
        case .malformed: "public key is malformed, or of a kind that signs no proofs"
        case .unsupportedAlgorithm: "unsupported signing algorithm"
        case .algorithmOfOtherKeys: "signing algorithm does not match the public key"
        }
    }

    var rpcErrorCode: RPCError.Code { .invalidArgument }
    var rpcErrorMessage: String { self.message }
}
