import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import SPIFFE
import SwiftASN1
import TestSupport
import Testing
import X509

@Suite("The bundle that the authorities publish", .timeLimit(.minutes(1)))
struct PublishedBundleTests {
    /// A bundle with an old, an active and a prepared authority of each kind, as a document.
    private func document(_ type: KeyType = .ecP256) async throws -> (AuthorityState, JSONObject) {
        let domain = try TestDomain(caKeyType: type)
        let rotation = try await domain.startRotation()
        for hour in [12, 20, 24] { try await rotation.rotate(now: TestDomain.start + .hours(hour)) }
        let state = rotation.state.current
        let document = try JSON.parse(state.bundle.document(), maxBytes: TrustBundle.maxDocumentBytes)
        return (state, try #require(document.object))
    }

    private func entries(_ document: JSONObject, use: String) throws -> [JSONObject] {
        try #require(document["keys"]?.array).compactMap(\.object).filter { $0["use"] == .string(use) }
    }

    @Test(
        "X509-39, X509-40, X509-41, BUN-19, BUN-20, BUN-22: each X.509 authority is an entry of its own, use x509-svid, without kid",
        arguments: [KeyType.ecP256, .rsa2048])
    func x509Entries(type: KeyType) async throws {
        let (_, document) = try await self.document(type)
        let entries = try self.entries(document, use: "x509-svid")
        let parameters = type == .ecP256 ? ["kty", "crv", "x", "y"] : ["kty", "n", "e"]
        #expect(entries.count == 3)
        for entry in entries { #expect(entry.members.map(\.name) == parameters + ["use", "x5c"]) }
    }

    @Test("X509-42, X509-43, X509-44: x5c holds exactly the self-signed certificate, in base64 with padding")
    func x5c() async throws {
        let (state, document) = try await self.document()
        let certificates = try self.entries(document, use: "x509-svid").map { entry in
            let texts = try #require(entry["x5c"]?.strings)
            #expect(texts.count == 1)
            return try Certificate(derEncoded: [UInt8](base64: texts[0]))
        }
        #expect(certificates == state.bundle.x509Authorities)
        #expect(certificates.allSatisfy { $0.issuer == $0.subject })
    }

    @Test(
        "JWT-27, JWT-28, JWT-29: each JWT authority is an entry of its own, use jwt-svid, with its kid, no private part",
        arguments: [KeyType.ecP256, .rsa2048])
    func jwtEntries(type: KeyType) async throws {
        let (state, document) = try await self.document(type)
        let entries = try self.entries(document, use: "jwt-svid")
        let parameters: Set<String> = type == .ecP256 ? ["kty", "crv", "x", "y"] : ["kty", "n", "e"]
        #expect(entries.count == 3)
        for entry in entries { #expect(Set(entry.members.map(\.name)) == parameters.union(["use", "kid"])) }
        #expect(entries.map { $0["kid"]?.string } == state.bundle.jwtAuthorities.map(\.keyID))
        #expect(Set(state.bundle.jwtAuthorities.map(\.keyID)).count == 3)
    }

    @Test("BUN-06, BUN-10, BUN-11: sequence number and refresh hint are set, as integers")
    func members() async throws {
        let (_, document) = try await self.document()
        #expect(document.members.map(\.name) == ["keys", "spiffe_sequence", "spiffe_refresh_hint"])
        #expect(document["spiffe_sequence"]?.number?.uint64 != nil)
        #expect(document["spiffe_refresh_hint"] == 300)
    }

    @Test("BUN-07, BUN-09: the first sequence number is the time in seconds")
    func firstNumber() async throws {
        #expect(try await TestDomain().firstState().bundle.sequenceNumber == 1_800_000_000)
    }

    @Test("BUN-07: it grows by one at least when the clock does not, or runs back")
    func numberWithoutClock() async throws {
        let domain = try TestDomain()
        let state = try await domain.firstState()
        try await domain.keyManager.deleteKey(id: state.jwt.key.id)
        let second = try await domain.startRotation().state.current
        #expect(second.bundle.sequenceNumber == 1_800_000_001)
        try await domain.keyManager.deleteKey(id: second.jwt.key.id)
        let third = try await domain.startRotation(now: TestDomain.start - .days(1)).state.current
        #expect(third.bundle.sequenceNumber == 1_800_000_002)
    }

    @Test("BUN-07: a store that was restored from an older copy publishes greater numbers than before")
    func restoredStore() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let backup = domain.journal.records
        try await rotation.rotate(now: TestDomain.start + .hours(12))
        let published = try #require(rotation.state.current.bundle.sequenceNumber)
        try await domain.journal.save(backup, now: TestDomain.start)
        let restored = try await domain.startRotation(now: TestDomain.start + .hours(13)).state.current
        #expect(try #require(restored.bundle.sequenceNumber) > published)
    }

    @Test("BUN-08: it changes with the content and only then")
    func numberAndContent() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let first = rotation.state.current.bundle.sequenceNumber
        try await rotation.rotate(now: TestDomain.start + .hours(12))
        let prepared = rotation.state.current.bundle.sequenceNumber
        #expect(first == 1_800_000_000)
        #expect(prepared == 1_800_043_200)
        try await rotation.rotate(now: TestDomain.start + .hours(20))
        #expect(rotation.state.current.bundle.sequenceNumber == prepared)
    }

    @Test("BUN-08: another refresh hint is another content")
    func refreshHint() async throws {
        var domain = try TestDomain()
        let first = try await domain.firstState().bundle
        domain.configuration = try AuthorityConfiguration(trustDomain: domain.trustDomain, refreshHint: .seconds(60))
        let second = try await domain.startRotation(now: TestDomain.start + .seconds(5)).state.current.bundle
        #expect(second.refreshHint == .seconds(60))
        #expect(second.sequenceNumber == 1_800_000_005)
        #expect(second.x509Authorities == first.x509Authorities)
        let saves = domain.journal.saveCount
        #expect(try await domain.startRotation(now: TestDomain.start + .seconds(9)).state.current.bundle == second)
        #expect(domain.journal.saveCount == saves)
    }

    @Test("the document parses to the same bundle")
    func parses() async throws {
        let (state, _) = try await self.document()
        let parsed = try TrustBundle(parsing: state.bundle.document(), trustDomain: state.bundle.trustDomain)
        #expect(parsed.skipped == [])
        #expect(parsed.x509Authorities == state.bundle.x509Authorities)
        #expect(parsed.jwtAuthorities.map(\.publicKey) == state.bundle.jwtAuthorities.map(\.publicKey))
        #expect(parsed.sequenceNumber == state.bundle.sequenceNumber)
    }

    @Test("JWT authorities carry their end for those who ask the server")
    func expiry() async throws {
        let state = try await TestDomain().firstState()
        #expect(state.bundle.jwtAuthorities[0].expiresAt == TestDomain.start + .days(1))
    }
}
