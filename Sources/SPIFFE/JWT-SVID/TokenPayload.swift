import JOSE

/// The payload of a token whose signature is not checked, because it came over a channel that says whose it is.
enum TokenPayload {
    /// The claims of a token that has been taken apart before; nil when it cannot be.
    static func claims(of token: String) -> JSONObject? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = try? Base64URL.decode(Substring(parts[1])) else { return nil }
        return try? JSON.parse(bytes, maxBytes: UnverifiedJWT.maxTokenBytes).object
    }
}
