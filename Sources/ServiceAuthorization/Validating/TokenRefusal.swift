public import AccessTokens

/// Why a call is refused.
@nonexhaustive
public enum TokenRefusal: Error, Hashable {
    /// The call brings no bearer token.
    case missingToken
    /// The call brings credentials that are no single bearer token (RFC 6750 §3.1, `invalid_request`).
    case malformedRequest
    /// The connection has no verified TLS peer, and every token is bound to one.
    case noPeer
    /// The token is refused.
    case token(AccessTokenError)
    /// Nothing is known yet about the issuer's keys and revocations.
    case noState
    /// What is known is older than the route allows; nil when the clock was set back and the age cannot be told.
    case stateTooOld(age: Duration?)
    /// What is known is about another issuer than the one whose tokens are expected.
    case stateOfOtherIssuer
    /// No rule was written for the route.
    case noRule
}

extension TokenRefusal {
    /// A stable name of the reason, for metrics and audit.
    public var label: String {
        switch self {
        case .missingToken: "missing_token"
        case .malformedRequest: "malformed_request"
        case .noPeer: "no_peer"
        case .token(let error): error.label
        case .noState: "no_state"
        case .stateTooOld: "state_too_old"
        case .stateOfOtherIssuer: "state_of_other_issuer"
        case .noRule: "no_rule"
        }
    }

    /// The status of an HTTP response: 400, 401, 403 as RFC 6750 §3.1 has them; 503 when it is not the caller's fault.
    public var httpStatus: Int {
        switch self {
        case .malformedRequest: 400
        case .missingToken, .noPeer: 401
        case .token(.insufficientScope), .noRule: 403
        case .token: 401
        case .noState, .stateTooOld, .stateOfOtherIssuer: 503
        }
    }

    /// After how many seconds a call that is refused without its fault may be tried again (RFC 9110 §10.2.3): the time
    /// between two signs of life of the state; nil where trying again does not help.
    public var retryAfterSeconds: Int? { self.httpStatus == 503 ? 5 : nil }

    /// The value of `WWW-Authenticate` (RFC 6750 §3); nil where no other token would help.
    ///
    /// A call without credentials is told no error code. The description is the name of a rule, never anything of the
    /// token.
    ///
    /// - Parameter realm: Without quotation marks, backslashes and control characters.
    public func challenge(realm: String) -> String? {
        let begin = "Bearer realm=\"\(realm)\""
        switch self {
        case .missingToken, .noPeer: return begin
        case .malformedRequest: return begin + ", error=\"invalid_request\""
        case .token(.insufficientScope(let requirement)):
            return begin + ", error=\"insufficient_scope\", scope=\"\(requirement.scopes.text)\""
        case .token(let error):
            let description = error.label.split(separator: ".").last ?? ""
            return begin + ", error=\"invalid_token\", error_description=\"\(description)\""
        case .noState, .stateTooOld, .stateOfOtherIssuer, .noRule: return nil
        }
    }
}

extension TokenRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missingToken: "there is no bearer token"
        case .malformedRequest: "the credentials are no single bearer token"
        case .noPeer: "the connection has no verified peer"
        case .token(let error): "the token is refused: \(error)"
        case .noState: "nothing is known yet about keys and revocations"
        case .stateTooOld(let age?): "what is known about revocations is \(age) old"
        case .stateTooOld(nil): "the clock was set back: the age of what is known about revocations cannot be told"
        case .stateOfOtherIssuer: "what is known is about another issuer"
        case .noRule: "no rule was written for this route"
        }
    }
}
