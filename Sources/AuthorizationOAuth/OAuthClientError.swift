public import AccessTokens
public import SPIFFE
public import ServiceAuthorization

/// Why an issuer gave nothing that can be used.
@nonexhaustive
public enum OAuthClientError: Error, Hashable {
    /// The URL is not one of `https`; nothing was sent.
    case notHTTPS
    /// A member of the issuer's metadata is a URL that is not one of `https`.
    case endpointNotHTTPS(String)
    /// The metadata is that of another issuer (RFC 8414 §3.3).
    case issuerMismatch
    /// This process has not the SPIFFE ID with which the service is to be called; nothing was sent.
    case noSuchIdentity(SPIFFEID)
    /// The issuer refuses, with a code of RFC 6749 §5.2 or of an extension of it.
    case refused(code: String, status: UInt)
    /// The issuer gives tokens to newer versions of this library only: the service has to be built with one.
    case libraryTooOld
    /// The answer is neither a success nor a refusal as RFC 6749 has them.
    case unexpectedStatus(UInt)
    /// The answer is longer than what is read.
    case answerTooLong(maxBytes: Int)
    /// The answer is no JSON object.
    case malformedAnswer
    /// A member of the answer is missing, malformed or out of bounds.
    case malformedMember(String)
    /// The token is no bearer token.
    case unsupportedTokenType
    /// The token lacks scopes that were asked for.
    case missingScopes(ScopeSet)
    /// The JWK Set cannot be used.
    case keys(AccessTokenKeysError)
    /// There was no answer in time.
    case timedOut
}

extension OAuthClientError: TokenIssuerError {
    /// Whether the issuer has answered, and the answer is no: what it has given before is not used any more.
    public var isDenial: Bool {
        switch self {
        case .refused(_, status: 400), .refused(_, status: 401), .refused(_, status: 403), .libraryTooOld: true
        default: false
        }
    }
}

extension OAuthClientError {
    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .notHTTPS: "oauth_client.not_https"
        case .endpointNotHTTPS: "oauth_client.endpoint_not_https"
        case .issuerMismatch: "oauth_client.issuer_mismatch"
        case .noSuchIdentity: "oauth_client.no_such_identity"
        case .refused: "oauth_client.refused"
        case .libraryTooOld: "oauth_client.library_too_old"
        case .unexpectedStatus: "oauth_client.unexpected_status"
        case .answerTooLong: "oauth_client.answer_too_long"
        case .malformedAnswer: "oauth_client.malformed_answer"
        case .malformedMember: "oauth_client.malformed_member"
        case .unsupportedTokenType: "oauth_client.unsupported_token_type"
        case .missingScopes: "oauth_client.missing_scopes"
        case .keys: "oauth_client.keys"
        case .timedOut: "oauth_client.timed_out"
        }
    }
}

// Nothing of an assertion or a token is ever in these errors: a code has few characters, and descriptions are not kept.
extension OAuthClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notHTTPS: "the URL is not one of https"
        case .endpointNotHTTPS(let name): "the \(name) of the metadata is no URL of https"
        case .issuerMismatch: "the metadata is that of another issuer"
        case .noSuchIdentity(let id): "this process has no SVID of \(id)"
        case .refused(let code, let status): "the issuer refuses: \(code) (HTTP \(status))"
        case .libraryTooOld:
            "the issuer gives tokens to newer versions of this library only, and this is \(LibraryVersion.current): update"
        case .unexpectedStatus(let status): "the issuer answers HTTP \(status)"
        case .answerTooLong(let maxBytes): "the answer is longer than \(maxBytes) bytes"
        case .malformedAnswer: "the answer is no JSON object"
        case .malformedMember(let name): "the answer has no usable \(name)"
        case .unsupportedTokenType: "the token is no bearer token"
        case .missingScopes(let scopes): "the token lacks the scopes \(scopes)"
        case .keys(let error): "the JWK Set cannot be used: \(error)"
        case .timedOut: "there was no answer in time"
        }
    }
}
