package import JOSE

/// A token that has the form of an access token; nothing in it can be relied on.
package struct UnverifiedAccessToken: Sendable {
    /// The types of RFC 9068 §2.1.
    private static let types = ["at+jwt", "application/at+jwt"]

    /// The `kid`, not empty.
    package let keyID: String
    private let jwt: UnverifiedJWT

    /// Takes a token apart, and refuses what is no access token whatever its key may be (RFC 8725 §3).
    package init(
        parsing token: String, algorithms: Set<SignatureAlgorithm>
    ) throws(AccessTokenError) {
        do {
            self.jwt = try UnverifiedJWT(parsing: token, algorithms: SignatureAlgorithm.allCases)
        } catch {
            throw .token(error)
        }
        guard algorithms.contains(self.jwt.algorithm) else { throw .algorithmNotAllowed(self.jwt.algorithm) }
        if let member = self.jwt.keyInHeader { throw .keyInHeader(member) }
        guard let type = self.jwt.type else { throw .missingType }
        guard Self.types.contains(where: { $0.utf8.elementsEqual(type.utf8) }) else {
            throw .unsupportedType(Self.shown(type))
        }
        guard let keyID = self.jwt.keyID, !keyID.isEmpty else { throw .missingKeyID }
        self.keyID = keyID
    }

    /// Checks the signature with the issuer's key of the token's `kid`, and with no other.
    package func verify(with keys: AccessTokenKeys) throws(AccessTokenError) -> AccessTokenClaims {
        guard let key = keys[self.keyID] else { throw .unknownKeyID(Self.shown(self.keyID)) }
        let claims: JSONObject
        do { claims = try self.jwt.verify(with: key) } catch { throw .token(error) }
        return try AccessTokenClaims(claims)
    }

    private static func shown(_ text: String) -> String {
        String(decoding: text.utf8.prefix(64), as: UTF8.self)
    }
}
