package import JOSE

/// What a token of one's own says, where it can be read.
///
/// The token came from its issuer, on the issuer's own connection: no signature is checked.
package struct OwnTokenContents: Hashable, Sendable {
    private let header: JSONObject
    package let claims: JSONObject

    /// Nil for what is no JWS in compact serialization whose header and payload are JSON objects.
    package init?(_ token: String) {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]) else {
            return nil
        }
        self.header = header
        self.claims = claims
    }

    /// The `kid`.
    package var keyID: String? { self.header["kid"]?.string }

    /// The `jti`.
    package var tokenID: String? { self.claims["jti"]?.string }

    /// SHA-256 of the certificate to which the token is bound (RFC 8705 §3.1); nil where it names none.
    package var certificateSHA256: [UInt8]? {
        guard let text = self.claims["cnf"]?.object?[AccessTokenClaims.thumbprintMember]?.string,
            let hash = try? Base64URL.decode(Array(text.utf8)), hash.count == 32
        else { return nil }
        return hash
    }

    private static func object(_ part: Substring.UTF8View) -> JSONObject? {
        guard let bytes = try? Base64URL.decode(part) else { return nil }
        return (try? JSON.parse(bytes, maxBytes: IssuedAccessToken.maxTokenBytes))?.object
    }
}
