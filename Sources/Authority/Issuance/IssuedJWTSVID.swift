package import FoundationEssentials
package import SPIFFE

/// A JWT-SVID as it goes to the one who asked for it.
package struct IssuedJWTSVID: Sendable, Hashable {
    package let id: SPIFFEID
    /// The token in compact serialization: a bearer credential.
    package let token: String
    /// The `kid` of the authority that signed it.
    package let keyID: String
    /// Its `jti`, where it has one.
    package let tokenID: String?
    package let issuedAt: Date
    package let expiresAt: Date
    /// Whether it expires before what was asked for, together with its authority.
    package let clamped: Bool
}

extension IssuedJWTSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "IssuedJWTSVID(\(self.id), token: <redacted>)" }
    package var customMirror: Mirror { Mirror(self, children: ["id": self.id, "expiresAt": self.expiresAt]) }
}
