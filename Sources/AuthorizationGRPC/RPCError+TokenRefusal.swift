import AccessTokens
public import GRPCCore
import GRPCProtobuf
public import ServiceAuthorization

extension TokenRefusal {
    /// The domain of the reasons in `google.rpc.ErrorInfo`.
    public static let errorDomain = "signet.authorization"

    /// The status of a call: UNAUTHENTICATED where another token would help, PERMISSION_DENIED where none of this caller
    /// does, UNAVAILABLE where it is not the caller's fault.
    public var rpcCode: RPCError.Code {
        switch self.httpStatus {
        case 403: .permissionDenied
        case 503: .unavailable
        default: .unauthenticated
        }
    }
}

extension RPCError {
    /// The answer to a call that is refused: the code, the name of the reason, and the scopes where those are missing.
    ///
    /// Nothing of the token.
    public init(_ refusal: TokenRefusal) {
        var metadata: [String: String] = [:]
        if case .token(.insufficientScope(let requirement)) = refusal { metadata["scope"] = requirement.scopes.text }
        let info = ErrorDetails.ErrorInfo(
            reason: refusal.label, domain: TokenRefusal.errorDomain, metadata: metadata)
        let status = GoogleRPCStatus(
            code: refusal.rpcCode, message: "refused: \(refusal.label)", details: [.errorInfo(info)])
        self.init(status)
    }
}
