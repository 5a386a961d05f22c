/// Why a text is no scope, or no set of scopes; one case a rule.
@nonexhaustive
public enum ScopeError: Error, Hashable {
    /// The scope is empty; two spaces in a row have an empty scope between them (RFC 6749 §3.3).
    case empty
    /// The scope is longer than ``Scope/maxBytes``.
    case tooLong(maxBytes: Int)
    /// The scope has a byte other than `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3).
    case forbiddenByte(UInt8)
    /// There are more than ``ScopeSet/maxScopes``.
    case tooMany(maxScopes: Int)
    /// The claim `scope` is no string, or the claim `scopes` no array of strings.
    case malformedClaim(String)
    /// The claims `scope` and `scopes` are both there and say different things.
    case contradictoryClaims

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .empty: "scope.empty"
        case .tooLong: "scope.too_long"
        case .forbiddenByte: "scope.forbidden_byte"
        case .tooMany: "scope.too_many"
        case .malformedClaim: "scope.malformed_claim"
        case .contradictoryClaims: "scope.contradictory_claims"
        }
    }
}

extension ScopeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "a scope is empty"
        case .tooLong(let maxBytes): "a scope is longer than \(maxBytes) bytes"
        case .forbiddenByte(let byte): "a scope has the byte 0x\(String(byte, radix: 16))"
        case .tooMany(let maxScopes): "there are more than \(maxScopes) scopes"
        case .malformedClaim(let name): "the claim \(name) is malformed"
        case .contradictoryClaims: "the claims scope and scopes say different things"
        }
    }
}
