import FoundationEssentials

/// What does not go together between the journal and the key manager when a rotation starts.
///
/// Both are restored from backups now and then, and not always from the same one: the operator should know.
package struct AuthorityStartFindings: Sendable, Hashable {
    /// The most unknown keys that are kept; more are those of starts that failed, one after the other.
    package static let maxKeptKeys = 16

    /// Authorities that sign or were to sign, and whose private keys are lost: they are replaced.
    package let lostKeys: [LostKey]
    /// The names of keys that no record names and that are kept all the same, as the records or keys seem to be lost.
    package let keptKeys: [String]

    /// An authority without its private key.
    package struct LostKey: Sendable, Hashable {
        /// The name of the private key in the key manager.
        package let keyName: String
        /// The identifier of the authority.
        package let authorityID: String
        package let slot: AuthorityRecords.Slot

        package init(keyName: String, authorityID: String, slot: AuthorityRecords.Slot) {
            self.keyName = keyName
            self.authorityID = authorityID
            self.slot = slot
        }
    }

    /// - Parameters:
    ///   - authorities: What the journal records and the key manager has.
    ///   - unknownKeys: The names of the authority keys that no record needs.
    init(_ authorities: HeldAuthorities, unknownKeys: [String], now: Date) {
        let lost = authorities.lostKeys(now: now)
        let isFirstStart = authorities.set.x509.active == nil && authorities.set.jwt.active == nil
        let keepsUnknown = (isFirstStart || !lost.isEmpty) && unknownKeys.count <= Self.maxKeptKeys
        self.lostKeys = lost
        self.keptKeys = keepsUnknown ? unknownKeys : []
    }
}
