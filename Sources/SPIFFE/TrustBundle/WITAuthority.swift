public import FoundationEssentials
public import JOSE

/// A key that signs WIT-SVIDs of a trust domain (WIT-SVID §6); never one that signs JWT-SVIDs.
public struct WITAuthority: Hashable, Sendable {
    /// The `kid` of the key; not empty.
    public let keyID: String
    public let publicKey: PublicKey
    /// When the authority stops signing, as its own server knows it; nil where only a bundle document is known.
    ///
    /// Validation does not look at it: a token carries its own end.
    public let expiresAt: Date?

    /// Makes an authority; nil when `keyID` is empty.
    public init?(keyID: String, publicKey: PublicKey, expiresAt: Date? = nil) {
        guard !keyID.isEmpty else { return nil }
        self.keyID = keyID
        self.publicKey = publicKey
        self.expiresAt = expiresAt
    }
}
