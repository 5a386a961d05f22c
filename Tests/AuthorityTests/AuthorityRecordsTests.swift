import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import SPIFFE
import TestSupport
import Testing

@Suite("Records of the authorities", .timeLimit(.minutes(1)))
struct AuthorityRecordsTests {
    /// Records of an old, an active and a prepared authority of each kind.
    private func records() async throws -> AuthorityRecords {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        for hour in [12, 20, 24] { try await rotation.rotate(now: TestDomain.start + .hours(hour)) }
        return domain.journal.records
    }

    private func expectRefused(
        _ error: AuthorityRecordsError, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout AuthorityRecords) throws -> Void
    ) async throws {
        var records = try await self.records()
        try change(&records)
        let domain = try TestDomain()
        try await domain.journal.save(records, now: TestDomain.start)
        await #expect(throws: error, sourceLocation: sourceLocation) { try await domain.startRotation() }
        #expect(domain.keyManager.events == [], sourceLocation: sourceLocation)
        #expect(domain.journal.records == records, sourceLocation: sourceLocation)
    }

    @Test("records survive JSON unchanged")
    func coding() async throws {
        let records = try await self.records()
        #expect(records.x509.map(\.slot) == [.old, .active, .prepared])
        #expect(try JSONDecoder().decode(AuthorityRecords.self, from: JSONEncoder().encode(records)) == records)
    }

    @Test("records hold no private key")
    func noSecrets() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        let json = String(decoding: try JSONEncoder().encode(domain.journal.records), as: UTF8.self)
        #expect(json.contains(state.x509.key.id))
        #expect(!json.contains("PRIVATE"))
        #expect(domain.journal.records.jwt[0].publicKey == state.jwt.key.publicKey.subjectPublicKeyInfoDER.base64)
    }

    @Test("records of another version are refused")
    func version() async throws {
        try await self.expectRefused(.unsupportedVersion(2)) { $0.version = 2 }
    }

    @Test("two active or two prepared authorities of a kind are refused")
    func slots() async throws {
        try await self.expectRefused(.slotTaken(.active)) { $0.x509[0].slot = .active }
        try await self.expectRefused(.slotTaken(.prepared)) { $0.jwt[0].slot = .prepared }
    }

    @Test("an authority that is there twice is refused")
    func duplicates() async throws {
        try await self.expectRefused(.duplicateID("a")) {
            $0.jwt[0].keyID = "a"
            $0.jwt[1].keyID = "a"
        }
    }

    @Test("a certificate that is none, or not that of an authority, is refused")
    func certificates() async throws {
        try await self.expectRefused(.malformedCertificate(index: 1)) { $0.x509[1].certificate = "AAAA" }
        try await self.expectRefused(.malformedCertificate(index: 0)) { $0.x509[0].certificate = "!" }
        let domain = try TestDomain()
        let leaf = try await domain.firstState().issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: TestDomain.start)
        try await self.expectRefused(.malformedCertificate(index: 2)) {
            $0.x509[2].certificate = leaf.chainDER[0].base64
        }
    }

    @Test("authorities of another trust domain are refused")
    func foreign() async throws {
        let records = try await self.records()
        var domain = try TestDomain()
        let other = try TrustDomain(parsing: "example.com")
        domain.configuration = try AuthorityConfiguration(trustDomain: other)
        try await domain.journal.save(records, now: TestDomain.start)
        await #expect(throws: AuthorityRecordsError.foreignCertificate(index: 0, expected: other)) {
            try await domain.startRotation()
        }
    }

    @Test("a JWT authority without key, name or possible times is refused")
    func keys() async throws {
        try await self.expectRefused(.malformedKey(index: 0)) { $0.jwt[0].publicKey = "AAAA" }
        try await self.expectRefused(.malformedKey(index: 1)) { $0.jwt[1].keyID = "" }
        try await self.expectRefused(.malformedKey(index: 2)) { $0.jwt[2].expiresAtSeconds = .max }
    }

    @Test("an endless number of authorities is refused")
    func count() async throws {
        try await self.expectRefused(.tooManyAuthorities(limit: 1_024)) { $0.addOldJWTRecords(1_022) }
    }

    @Test("expired authorities do not count: they are dropped, whatever their number")
    func expiredCount() async throws {
        var records = try await self.records()
        records.addOldJWTRecords(1_100)
        let domain = try TestDomain()
        try await domain.journal.save(records, now: TestDomain.start)
        let now = Date(timeIntervalSince1970: Double(records.jwt[0].expiresAtSeconds + 1))
        let state = try await domain.startRotation(now: now).state.current
        #expect(domain.journal.records.jwt.count < 5)
        // The bundle is another one than before, and says so.
        #expect(try #require(state.bundle.sequenceNumber) > records.bundleSequence)
    }
}

extension AuthorityRecords {
    /// Adds old JWT authorities that expire with the oldest one.
    fileprivate mutating func addOldJWTRecords(_ count: Int) {
        let oldest = self.jwt[0]
        for number in 0..<count {
            var record = oldest
            record.keyID = "old-\(number)"
            self.jwt.insert(record, at: 0)
        }
    }
}
