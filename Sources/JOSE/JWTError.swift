/// Why a token is refused, before any rule of a particular kind of token.
@nonexhaustive
public enum JWTError: Error, Hashable {
    /// The token is longer than ``UnverifiedJWT/maxTokenBytes``.
    case tooLong(maxBytes: Int)
    /// The token is not three parts with two dots between (RFC 7515 §7.1); JWE and the JSON serializations are not.
    case notCompact
    /// The header is not base64url.
    case headerEncoding(Base64URLError)
    /// The header is not JSON.
    case malformedHeader(JSONError)
    /// The header is JSON, but no object.
    case headerNotObject
    /// The header has no `alg`, or it is no string.
    case missingAlgorithm
    /// The `alg` is none of ``SignatureAlgorithm``; shown up to 64 bytes.
    case unsupportedAlgorithm(String)
    /// The header has `crit`, and nothing that could be critical is understood (RFC 7515 §4.1.11).
    case criticalHeader
    /// The header member has a value of the wrong JSON type.
    case headerMemberType(String)
    /// The payload is not base64url.
    case payloadEncoding(Base64URLError)
    /// The payload is not JSON.
    case malformedPayload(JSONError)
    /// The payload is JSON, but no object (RFC 7519 §7.2).
    case payloadNotObject
    /// The signature is empty or not base64url.
    case malformedSignature
    /// The key is of another type or curve than the token's `alg` needs.
    case algorithmDoesNotMatchKey(SignatureAlgorithm)
    /// The signature was not made over this token with this key.
    case invalidSignature
}
