import FoundationEssentials
import JOSE
import SPIFFE
import SwiftASN1
import X509

/// Authorities from records and back.
extension AuthoritySet {
    /// Judges records that were read.
    ///
    /// - Throws: ``AuthorityRecordsError``; then none of them may be used.
    init(_ records: AuthorityRecords, trustDomain: TrustDomain) throws(AuthorityRecordsError) {
        guard records.version == AuthorityRecords.currentVersion else { throw .unsupportedVersion(records.version) }
        self.trustDomain = trustDomain
        var x509: [(AuthorityRecords.Slot, X509AuthorityCertificate)] = []
        for (index, record) in records.x509.enumerated() {
            x509.append((record.slot, try X509AuthorityCertificate(record, index: index, trustDomain: trustDomain)))
        }
        var jwt: [(AuthorityRecords.Slot, JWTAuthorityPublicKey)] = []
        for (index, record) in records.jwt.enumerated() {
            jwt.append((record.slot, try JWTAuthorityPublicKey(record, index: index)))
        }
        var wit: [(AuthorityRecords.Slot, WITAuthorityPublicKey)] = []
        for (index, record) in records.wit.enumerated() {
            wit.append((record.slot, try WITAuthorityPublicKey(record, index: index)))
        }
        // A kid is unique in the whole bundle (WIT-SVID §6).
        let keyIDs = Set(jwt.map(\.1.id))
        if let shared = wit.map(\.1.id).first(where: keyIDs.contains) { throw .duplicateID(shared) }
        self.x509 = try AuthoritySlots(x509)
        self.jwt = try AuthoritySlots(jwt)
        self.wit = try AuthoritySlots(wit)
        self.bundleSequence = records.bundleSequence
        self.refreshHint = .seconds(records.refreshHintSeconds)
    }

    var records: AuthorityRecords {
        var records = AuthorityRecords()
        records.bundleSequence = self.bundleSequence
        records.refreshHintSeconds = self.refreshHint.components.seconds
        records.x509 = self.x509.inSlots.map { $1.record(slot: $0) }
        records.jwt = self.jwt.inSlots.map { $1.record(slot: $0) }
        records.wit = self.wit.inSlots.map { $1.record(slot: $0) }
        return records
    }
}

extension AuthoritySlots {
    fileprivate init(_ authorities: [(slot: AuthorityRecords.Slot, Authority)]) throws(AuthorityRecordsError) {
        var ids: Set<String> = []
        var slots: [AuthorityRecords.Slot: [Authority]] = [:]
        for (slot, authority) in authorities {
            guard ids.insert(authority.id).inserted else { throw .duplicateID(authority.id) }
            slots[slot, default: []].append(authority)
        }
        for slot in [AuthorityRecords.Slot.active, .prepared] where slots[slot, default: []].count > 1 {
            throw .slotTaken(slot)
        }
        self.init(prepared: slots[.prepared]?.first, active: slots[.active]?.first, old: slots[.old] ?? [])
    }

    fileprivate var inSlots: [(AuthorityRecords.Slot, Authority)] {
        self.old.map { (.old, $0) } + [self.active].compactMap { $0.map { (.active, $0) } }
            + [self.prepared].compactMap { $0.map { (.prepared, $0) } }
    }
}

extension X509AuthorityCertificate {
    fileprivate init(
        _ record: AuthorityRecords.X509Record, index: Int, trustDomain: TrustDomain
    ) throws(AuthorityRecordsError) {
        guard let der = try? Base64.decode(record.certificate), let certificate = try? Certificate(derEncoded: der),
            let constraints = try? certificate.extensions.basicConstraints,
            case .isCertificateAuthority = constraints
        else { throw .malformedCertificate(index: index) }
        let names = try? certificate.extensions.subjectAlternativeNames
        guard names?.contains(.uniformResourceIdentifier(trustDomain.id.uri)) == true else {
            throw .foreignCertificate(index: index, expected: trustDomain)
        }
        self.init(
            certificate: certificate, keyName: record.keyName,
            issuedAt: Date(secondsSince1970: record.issuedAtSeconds))
    }

    fileprivate func record(slot: AuthorityRecords.Slot) -> AuthorityRecords.X509Record {
        .init(
            slot: slot, keyName: self.keyName, issuedAtSeconds: self.issuedAt.wholeSecondsSince1970,
            certificate: Base64.encode(self.certificate.derBytes))
    }
}

extension JWTAuthorityPublicKey {
    fileprivate init(_ record: AuthorityRecords.JWTRecord, index: Int) throws(AuthorityRecordsError) {
        let range = -Date.maxSecondsSince1970...Date.maxSecondsSince1970
        guard !record.keyID.isEmpty, range.contains(record.expiresAtSeconds), range.contains(record.issuedAtSeconds),
            let der = try? Base64.decode(record.publicKey),
            let publicKey = try? JOSE.PublicKey(subjectPublicKeyInfoDER: der)
        else { throw .malformedKey(index: index) }
        self.init(
            id: record.keyID, publicKey: publicKey, keyName: record.keyName,
            issuedAt: Date(secondsSince1970: record.issuedAtSeconds),
            expiresAt: Date(secondsSince1970: record.expiresAtSeconds))
    }

    fileprivate func record(slot: AuthorityRecords.Slot) -> AuthorityRecords.JWTRecord {
        .init(
            slot: slot, keyName: self.keyName, keyID: self.id, issuedAtSeconds: self.issuedAt.wholeSecondsSince1970,
            expiresAtSeconds: self.expiresAt.wholeSecondsSince1970,
            publicKey: Base64.encode(self.publicKey.subjectPublicKeyInfoDER))
    }
}

extension WITAuthorityPublicKey {
    fileprivate init(_ record: AuthorityRecords.WITRecord, index: Int) throws(AuthorityRecordsError) {
        let read = try JWTAuthorityPublicKey(record, index: index)
        self.init(
            id: read.id, publicKey: read.publicKey, keyName: read.keyName, issuedAt: read.issuedAt,
            expiresAt: read.expiresAt)
    }

    fileprivate func record(slot: AuthorityRecords.Slot) -> AuthorityRecords.WITRecord {
        .init(
            slot: slot, keyName: self.keyName, keyID: self.id, issuedAtSeconds: self.issuedAt.wholeSecondsSince1970,
            expiresAtSeconds: self.expiresAt.wholeSecondsSince1970,
            publicKey: Base64.encode(self.publicKey.subjectPublicKeyInfoDER))
    }
}
