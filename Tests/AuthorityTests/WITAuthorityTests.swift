import Authority
import FoundationEssentials
import JOSE
import KeyManagement
import Rotation
import SPIFFE
import TestSupport
import Testing

@Suite("WIT authorities", .timeLimit(.minutes(1)))
struct WITAuthorityTests {
    private let start = TestDomain.start

    @Test("WIT-47: the authority has a key of its own, of no other kind, in the bundle from the start")
    func ownKey() async throws {
        let domain = try TestDomain(witKeyType: .ecP384)
        let state = try await domain.firstState()
        let wit = try #require(state.wit)
        #expect(wit.key.type == .ecP384)
        #expect(Set([wit.key.id, state.jwt.key.id, state.x509.key.id]).count == 3)
        #expect(wit.key.publicKey != state.jwt.key.publicKey)
        #expect(state.bundle.witAuthorities.map(\.keyID) == [wit.keyID])
        #expect(state.bundle.witAuthorities.map(\.publicKey) == [wit.key.publicKey])
        #expect(wit.expiresAt == self.start + .days(1))
    }

    @Test("WIT-04: the kid has 32 letters and digits, and each authority another one")
    func keyIDs() async throws {
        let domain = try TestDomain(witKeyType: .ecP256)
        let rotation = try await domain.startRotation()
        var now = self.start
        var seen: Set<String> = []
        for _ in 0..<40 {
            let state = rotation.state.current
            let keyID = try #require(state.wit?.keyID)
            #expect(keyID.wholeMatch(of: /[A-Za-z0-9]{32}/) != nil)
            seen.formUnion(state.bundle.witAuthorities.map(\.keyID))
            now = rotation.nextInstant
            try await rotation.rotate(now: now)
        }
        #expect(seen.count > 10)
        #expect(seen.isDisjoint(with: rotation.state.current.bundle.jwtAuthorities.map(\.keyID)))
    }

    @Test("a successor is published before it signs, and the one before stays until it has expired")
    func rotation() async throws {
        let domain = try TestDomain(witKeyType: .ecP256)
        let rotation = try await domain.startRotation()
        let first = try #require(rotation.state.current.wit?.keyID)
        try await rotation.rotate(now: self.start + .hours(12))
        var state = rotation.state.current
        #expect(state.wit?.keyID == first)
        #expect(state.bundle.witAuthorities.count == 2)
        let second = state.bundle.witAuthorities[1].keyID
        try await rotation.rotate(now: self.start + .hours(20))
        state = rotation.state.current
        #expect(state.wit?.keyID == second)
        #expect(state.bundle.witAuthorities.map(\.keyID) == [first, second])
        try await rotation.rotate(now: self.start + .hours(24) + .seconds(1))
        #expect(!rotation.state.current.bundle.witAuthorities.map(\.keyID).contains(first))
    }

    @Test("a new process goes on with the authority of the journal")
    func restart() async throws {
        let domain = try TestDomain(witKeyType: .ecP256)
        let before = try await domain.firstState()
        let after = try await domain.firstState(now: self.start + .hours(1))
        #expect(after.wit?.keyID == before.wit?.keyID)
        #expect(after.bundle.sequenceNumber == before.bundle.sequenceNumber)
    }

    @Test("a lost key is replaced, and stays in the bundle")
    func lostKey() async throws {
        let domain = try TestDomain(witKeyType: .ecP256)
        let before = try #require(try await domain.firstState().wit)
        try await domain.keyManager.deleteKey(id: before.key.id)
        let state = try await domain.firstState(now: self.start + .hours(1))
        #expect(state.bundle.witAuthorities.map(\.keyID) == [before.keyID, state.wit?.keyID])
    }

    @Test("switched on later there is an authority at once, and the bundle has a greater number")
    func switchedOn() async throws {
        var domain = try TestDomain()
        let before = try await domain.firstState()
        domain.configuration = try TestDomain(witKeyType: .ecP256).configuration
        let after = try await domain.firstState(now: self.start + .hours(1))
        #expect(after.wit != nil)
        #expect(after.jwt.keyID == before.jwt.keyID)
        #expect(try #require(after.bundle.sequenceNumber) > (try #require(before.bundle.sequenceNumber)))
    }

    @Test("switched off nothing is signed, the key is deleted, and the authority stays in the bundle until it expires")
    func switchedOff() async throws {
        var domain = try TestDomain(witKeyType: .ecP256)
        let before = try #require(try await domain.firstState().wit)
        domain.configuration = try TestDomain().configuration
        let rotation = try await domain.startRotation(now: self.start + .hours(1))
        #expect(rotation.state.current.wit == nil)
        #expect(rotation.state.current.bundle.witAuthorities.map(\.keyID) == [before.keyID])
        #expect(try await !domain.keyManager.names().contains(before.key.id))
        #expect(domain.journal.records.wit.map(\.slot) == [.old])
        var now = self.start + .hours(1)
        while now <= before.expiresAt { now = try await rotation.rotate(now: now) }
        try await rotation.rotate(now: before.expiresAt + .seconds(1))
        #expect(rotation.state.current.bundle.witAuthorities == [])
        #expect(domain.journal.records.wit == [])
    }

    @Test("WIT-50: records of a JWT and a WIT authority with one kid are refused")
    func sharedKeyID() async throws {
        let domain = try TestDomain(witKeyType: .ecP256)
        _ = try await domain.firstState()
        var records = domain.journal.records
        records.wit[0].keyID = records.jwt[0].keyID
        let id = records.jwt[0].keyID
        try await domain.journal.save(records, now: self.start)
        await #expect(throws: AuthorityRecordsError.duplicateID(id)) { try await domain.firstState() }
    }

    @Test("records without WIT authorities, as older programs wrote them, are read")
    func olderRecords() throws {
        let text = #"{"version":1,"bundleSequence":7,"refreshHintSeconds":300,"x509":[],"jwt":[]}"#
        let records = try JSONDecoder().decode(AuthorityRecords.self, from: Data(text.utf8))
        #expect(records.bundleSequence == 7)
        #expect(records.wit == [])
        let encoded = try JSONEncoder().encode(records)
        #expect(try JSONDecoder().decode(AuthorityRecords.self, from: encoded) == records)
    }
}
