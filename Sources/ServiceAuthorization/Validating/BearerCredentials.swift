/// The bearer token of a call, as RFC 6750 §2.1 lets it travel: in one `Authorization` header, and nowhere else.
public enum BearerCredentials {
    /// Takes the token out of the values of all `Authorization` headers of a request.
    ///
    /// The scheme is compared without case (RFC 9110 §11.1). Credentials of another scheme are no bearer token.
    ///
    /// - Throws: `.missingToken` when there is none, `.malformedRequest` when there are two headers, or the token is no
    ///   `b64token`.
    public static func token(authorization values: [String]) throws(TokenRefusal) -> String {
        guard let value = values.first else { throw .missingToken }
        guard values.count == 1 else { throw .malformedRequest }
        let bytes = value.utf8
        let scheme = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard String(Substring(scheme)).lowercased() == "bearer" else { throw .missingToken }
        let token = bytes[scheme.endIndex...].drop { $0 == UInt8(ascii: " ") }
        guard Self.isB64Token(token) else { throw .malformedRequest }
        return String(Substring(token))
    }

    /// Whether this is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
    package static func isB64Token(_ bytes: Substring.UTF8View) -> Bool {
        let characters = bytes.prefix(while: Self.isTokenCharacter)
        return !characters.isEmpty && bytes[characters.endIndex...].allSatisfy { $0 == UInt8(ascii: "=") }
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"),
            UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
