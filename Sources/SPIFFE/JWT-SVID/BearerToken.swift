/// How a bearer token travels: in one `Authorization` field of HTTP, or the `authorization` of gRPC metadata (JWT-SVID §5,
/// RFC 6750 §2.1).
public enum BearerToken {
    /// Takes the token out of the values of all `Authorization` fields of a request.
    ///
    /// The scheme is compared without case (RFC 9110 §11.1). Credentials of another scheme are no bearer token.
    ///
    /// ```swift
    /// let token = try BearerToken.token(authorization: request.headers[values: .authorization])
    /// let caller = try source.validateLocally(token, audience: "spiffe://example.org/reports")
    /// ```
    ///
    /// - Throws: `.missing` when there is none, `.malformed` when there are two fields, or the token is no `b64token`.
    public static func token(authorization values: [String]) throws(BearerTokenError) -> String {
        guard let value = values.first else { throw .missing }
        guard values.count == 1 else { throw .malformed }
        let bytes = value.utf8
        let scheme = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard String(Substring(scheme)).lowercased() == "bearer" else { throw .missing }
        let token = bytes[scheme.endIndex...].drop { $0 == UInt8(ascii: " ") }
        guard Self.isB64Token(token) else { throw .malformed }
        return String(Substring(token))
    }

    /// Whether this is `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
    package static func isB64Token(_ bytes: Substring.UTF8View) -> Bool {
        // Over memory, where there is any: a token that was validated before costs little more than this.
        unsafe bytes.withContiguousStorageIfAvailable { unsafe self.isB64Token($0) } ?? self.isB64Token(Array(bytes))
    }

    private static func isB64Token(_ bytes: some Sequence<UInt8>) -> Bool {
        var hasCharacters = false
        var hasPadding = false
        for byte in bytes {
            if byte == UInt8(ascii: "=") {
                hasPadding = true
            } else {
                guard !hasPadding, self.isTokenCharacter(byte) else { return false }
                hasCharacters = true
            }
        }
        return hasCharacters
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

    /// Whether nobody reads what goes to this URL but whom it is meant for: TLS, or a connection that does not leave the
    /// machine (JWT-SVID Appendix A).
    static func isConfidential(_ url: String) -> Bool {
        guard let colon = url.firstIndex(of: ":") else { return false }
        let rest = url[colon...].dropFirst()
        guard rest.hasPrefix("//") else { return false }
        switch url[..<colon].lowercased() {
        case "https", "http+unix", "https+unix": return true
        case "http": return self.isLoopback(rest.dropFirst(2).prefix { !"/?#\\".contains($0) })
        default: return false
        }
    }

    private static func isLoopback(_ authority: Substring) -> Bool {
        if authority.hasPrefix("[") { return authority == "[::1]" || authority.hasPrefix("[::1]:") }
        let host = authority.prefix { $0 != ":" }
        let port = authority.dropFirst(host.count).dropFirst()
        guard port.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return false }
        return host.lowercased() == "localhost" || (IPAddressText.isIPv4(host) && host.hasPrefix("127."))
    }
}

extension JWTSVID {
    /// The value of an `Authorization` field, for those who know that the connection is confidential.
    ///
    /// A secret, as ``token`` is. Metadata of gRPC has it under `authorization`.
    public var authorization: String { "Bearer " + self.token }

    /// The value of the `Authorization` field of a request to this URL.
    ///
    /// - Parameter url: One of `https`, of `http` to this machine's own addresses, or of a Unix socket.
    /// - Throws: `.insecureTarget` for any other: on its way the token would be anybody's (JWT-SVID Appendix A).
    public func authorization(for url: String) throws(BearerTokenError) -> String {
        guard BearerToken.isConfidential(url) else { throw .insecureTarget }
        return self.authorization
    }
}
