package import FoundationEssentials
import JOSE

/// Everything about the keys of access tokens that outlives the process; no private key.
package struct TokenKeyRecords: Sendable, Hashable, Codable {
    /// The form that is written, and the only one that is read.
    package static let currentVersion = 1
    /// The most keys that are read; the rotation itself keeps about three.
    package static let maxKeys = 1_024

    package var version = TokenKeyRecords.currentVersion
    package var keys: [Record] = []

    /// The records of a store that has none yet.
    package init() {}

    package struct Record: Sendable, Hashable, Codable {
        package var slot: AuthorityRecords.Slot
        package var keyName: String
        /// The `kid`.
        package var keyID: String
        /// The `alg`.
        package var algorithm: String
        /// Seconds since 1970.
        package var issuedAtSeconds: Int64
        package var expiresAtSeconds: Int64
        /// The public key as base64 of its DER SubjectPublicKeyInfo.
        package var publicKey: String
    }
}

/// Keeps the records of the keys of access tokens for good; see ``AuthorityJournal``.
package protocol TokenKeyJournal: Sendable {
    /// The records saved last; `TokenKeyRecords()` when there are none.
    func loadTokenKeys() async throws -> TokenKeyRecords

    /// Replaces the records, all or nothing.
    func save(_ records: TokenKeyRecords, now: Date) async throws
}

extension AuthoritySlots<TokenKey> {
    /// Judges records that were read.
    init(_ records: TokenKeyRecords) throws(TokenKeyError) {
        guard records.version == TokenKeyRecords.currentVersion else {
            throw .records("the version \(records.version) is unknown")
        }
        guard records.keys.count <= TokenKeyRecords.maxKeys else { throw .records("there are too many") }
        var slots: [AuthorityRecords.Slot: [TokenKey]] = [:]
        for record in records.keys { slots[record.slot, default: []].append(try TokenKey(record)) }
        guard Set(records.keys.map(\.keyID)).count == records.keys.count, slots[.active, default: []].count <= 1,
            slots[.prepared, default: []].count <= 1
        else { throw .records("a key or a slot is there twice") }
        self.init(prepared: slots[.prepared]?.first, active: slots[.active]?.first, old: slots[.old] ?? [])
    }

    var records: TokenKeyRecords {
        var records = TokenKeyRecords()
        records.keys =
            self.old.map { $0.record(slot: .old) } + [self.active].compactMap { $0?.record(slot: .active) }
            + [self.prepared].compactMap { $0?.record(slot: .prepared) }
        return records
    }
}

extension TokenKey {
    fileprivate init(_ record: TokenKeyRecords.Record) throws(TokenKeyError) {
        let range = -Date.maxSecondsSince1970...Date.maxSecondsSince1970
        guard !record.keyID.isEmpty, range.contains(record.expiresAtSeconds), range.contains(record.issuedAtSeconds),
            let algorithm = SignatureAlgorithm(rawValue: record.algorithm),
            let der = try? Base64.decode(record.publicKey),
            let publicKey = try? JOSE.PublicKey(subjectPublicKeyInfoDER: der, allowsEd25519: true)
        else { throw .records("a key is malformed") }
        self.init(
            id: record.keyID, publicKey: publicKey, algorithm: algorithm, keyName: record.keyName,
            issuedAt: Date(secondsSince1970: record.issuedAtSeconds),
            expiresAt: Date(secondsSince1970: record.expiresAtSeconds))
    }

    fileprivate func record(slot: AuthorityRecords.Slot) -> TokenKeyRecords.Record {
        .init(
            slot: slot, keyName: self.keyName, keyID: self.id, algorithm: self.algorithm.rawValue,
            issuedAtSeconds: self.issuedAt.wholeSecondsSince1970,
            expiresAtSeconds: self.expiresAt.wholeSecondsSince1970,
            publicKey: Base64.encode(self.publicKey.subjectPublicKeyInfoDER))
    }
}
