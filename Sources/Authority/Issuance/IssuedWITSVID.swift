package import FoundationEssentials
package import SPIFFE

/// A WIT-SVID as it goes to the one who asked for it; the private key never was here.
package struct IssuedWITSVID: Sendable, Hashable {
    package let id: SPIFFEID
    /// The token in compact serialization.
    package let token: String
    /// The `kid` of the authority that signed it.
    package let keyID: String
    package let issuedAt: Date
    package let expiresAt: Date
    /// Whether it expires before what was asked for, together with its authority.
    package let clamped: Bool
}

extension IssuedWITSVID: CustomStringConvertible, CustomReflectable {
    package var description: String { "IssuedWITSVID(\(self.id), token: <redacted>)" }
    package var customMirror: Mirror { Mirror(self, children: ["id": self.id, "expiresAt": self.expiresAt]) }
}
