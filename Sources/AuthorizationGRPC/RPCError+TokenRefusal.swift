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

extension RPCError {
    /// Why a service refuses the token of the call; nil where it refuses the caller, the scopes, or something else.
    var accessTokenRefusal: String? {
        guard self.code == .unauthenticated, let status = try? self.unpackGoogleRPCStatus() else { return nil }
        return status.details.lazy.compactMap(\.errorInfo)
            .first { $0.domain == TokenRefusal.errorDomain && $0.reason.hasPrefix("access_token.") }?.reason
    }
}
