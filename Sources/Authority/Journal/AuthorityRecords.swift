/// Everything about the authorities that outlives the process, as plain values for the store; no private key.
///
/// Written whole and read whole. What is read is judged when the rotation starts, not here.
package struct AuthorityRecords: Sendable, Hashable, Codable {
    /// The form that is written, and the only one that is read.
    package static let currentVersion = 1

    package var version = AuthorityRecords.currentVersion
    /// The `spiffe_sequence` of the bundle that these records make; 0 when there has been none.
    package var bundleSequence: UInt64 = 0
    /// The `spiffe_refresh_hint` of that bundle, in seconds.
    package var refreshHintSeconds: Int64 = 0
    package var x509: [X509Record] = []
    package var jwt: [JWTRecord] = []
    /// Absent in records of programs that knew no WIT authorities.
    package var wit: [WITRecord] = []

    /// The records of a store that has none yet.
    package init() {}

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.version = try values.decode(Int.self, forKey: .version)
        self.bundleSequence = try values.decode(UInt64.self, forKey: .bundleSequence)
        self.refreshHintSeconds = try values.decode(Int64.self, forKey: .refreshHintSeconds)
        self.x509 = try values.decode([X509Record].self, forKey: .x509)
        self.jwt = try values.decode([JWTRecord].self, forKey: .jwt)
        self.wit = try values.decodeIfPresent([WITRecord].self, forKey: .wit) ?? []
    }

    /// Where in its life an authority is; see ``AuthoritySlots``.
    package enum Slot: String, Sendable, Hashable, Codable {
        case prepared, active, old
    }

    /// An X.509 authority.
    package struct X509Record: Sendable, Hashable, Codable {
        package var slot: Slot
        /// The name of the private key in the key manager.
        package var keyName: String
        /// When it was made, in seconds since 1970.
        package var issuedAtSeconds: Int64
        /// The certificate as base64 of its DER.
        package var certificate: String

        package init(slot: Slot, keyName: String, issuedAtSeconds: Int64, certificate: String) {
            self.slot = slot
            self.keyName = keyName
            self.issuedAtSeconds = issuedAtSeconds
            self.certificate = certificate
        }
    }

    /// A WIT authority; the `keyID` is its `kid`, as that of a JWT authority, and unique among both.
    package typealias WITRecord = JWTRecord

    /// A JWT authority.
    package struct JWTRecord: Sendable, Hashable, Codable {
        package var slot: Slot
        /// The name of the private key in the key manager.
        package var keyName: String
        /// The `kid`.
        package var keyID: String
        /// When it was made, in seconds since 1970.
        package var issuedAtSeconds: Int64
        /// When the last token it signed has expired, in seconds since 1970.
        package var expiresAtSeconds: Int64
        /// The public key as base64 of its DER SubjectPublicKeyInfo.
        package var publicKey: String

        package init(
            slot: Slot, keyName: String, keyID: String, issuedAtSeconds: Int64, expiresAtSeconds: Int64,
            publicKey: String
        ) {
            self.slot = slot
            self.keyName = keyName
            self.keyID = keyID
            self.issuedAtSeconds = issuedAtSeconds
            self.expiresAtSeconds = expiresAtSeconds
            self.publicKey = publicKey
        }
    }
}
