/// Why a request has no bearer token, or is not given one.
@nonexhaustive
public enum BearerTokenError: Error, Hashable {
    /// The request brings no bearer token.
    case missing
    /// The request brings credentials that are no single bearer token.
    case malformed
    /// On the way to the target others could read the token.
    case insecureTarget

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .missing: "bearer_token.missing"
        case .malformed: "bearer_token.malformed"
        case .insecureTarget: "bearer_token.insecure_target"
        }
    }
}

extension BearerTokenError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missing: "there is no bearer token"
        case .malformed: "the credentials are no single bearer token"
        case .insecureTarget: "a bearer token is sent over TLS, or within a machine"
        }
    }
}
