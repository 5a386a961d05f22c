import Authority
import FoundationEssentials
import KeyManagement
import Rotation
import SPIFFE
import Testing
import X509

@Suite("Failures and crashes while authorities rotate", .timeLimit(.minutes(1)))
struct AuthorityCrashTests {
    private let start = TestDomain.start

    private func names(_ records: AuthorityRecords) -> [String] {
        (records.x509.map(\.keyName) + records.jwt.map(\.keyName)).sorted()
    }

    /// A process that starts now finds a usable trust domain, whose bundle has everything that was published.
    private func expectUsable(
        _ domain: TestDomain, at now: Date, after published: [TrustBundle] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let rotation = try await domain.startRotation(now: now)
        let state = rotation.state.current
        let bundles = TrustBundles([state.bundle])
        let svid = try state.issueX509SVID(id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: now)
        _ = try VerifiedX509SVID.validate(svid.chain, bundles: bundles, now: now)
        let token = try state.issueJWTSVID(id: domain.id("/web"), audience: ["a"], ttl: .seconds(60), now: now)
        _ = try JWTSVID.validate(token.token, audience: "a", bundles: bundles, now: now)
        for bundle in published {
            let alive = bundle.x509Authorities.filter { now <= $0.notValidAfter }
            #expect(Set(alive).isSubset(of: state.bundle.x509Authorities), sourceLocation: sourceLocation)
            let keys = bundle.jwtAuthorities.filter { authority in authority.expiresAt.map { now <= $0 } ?? true }
            #expect(Set(keys).isSubset(of: state.bundle.jwtAuthorities), sourceLocation: sourceLocation)
            let numbers = [bundle, state.bundle].compactMap(\.sequenceNumber)
            #expect(numbers.count == 2 && numbers[0] <= numbers[1], sourceLocation: sourceLocation)
        }
        // Nothing is left behind: every key belongs to an authority that signs or will sign.
        let signing =
            domain.journal.records.x509.filter { $0.slot != .old }.map(\.keyName)
            + domain.journal.records.jwt.filter { $0.slot != .old }.map(\.keyName)
        #expect(try await domain.keyManager.names() == signing.sorted(), sourceLocation: sourceLocation)
    }

    @Test("the journal is written after the keys are made, before anything is published and before keys are deleted")
    func order() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let published = rotation.state.current
        let keyManager = domain.keyManager
        let eventsBefore = keyManager.events.count
        domain.journal.onSave { records in
            #expect(rotation.state.current.bundle == published.bundle)
            #expect(keyManager.events.count == eventsBefore + 2)
            #expect(records.x509.count == 2)
        }
        try await rotation.rotate(now: self.start + .hours(12))
        #expect(rotation.state.current.bundle != published.bundle)
        domain.journal.onSave { _ in
            #expect(!keyManager.events.contains { if case .deleted = $0 { true } else { false } })
        }
        try await rotation.rotate(now: self.start + .hours(20))
        #expect(keyManager.events.filter { if case .deleted = $0 { true } else { false } }.count == 2)
    }

    @Test("a first start whose journal fails publishes nothing; the next ones work and delete the unused keys")
    func firstStartFails() async throws {
        let domain = try TestDomain()
        domain.journal.fail(.beforeWriting)
        await #expect(throws: ScriptedJournal.Failure.beforeWriting) { try await domain.startRotation() }
        let unused = try await domain.keyManager.names()
        #expect(unused.count == 2)
        #expect(try await domain.startRotation().startFindings.keptKeys == unused)
        try await self.expectUsable(domain, at: self.start)
        #expect(try await Set(domain.keyManager.names()).isDisjoint(with: unused))
    }

    @Test("first starts that fail again and again do not fill the key manager")
    func firstStartsFail() async throws {
        let domain = try TestDomain()
        for _ in 0..<20 {
            domain.journal.fail(.beforeWriting)
            await #expect(throws: ScriptedJournal.Failure.beforeWriting) { try await domain.startRotation() }
            #expect(try await domain.keyManager.names().count <= AuthorityStartFindings.maxKeptKeys + 2)
        }
    }

    @Test("rotations and starts that fail again and again leave no more keys than one does", arguments: [false, true])
    func rotationsFail(restarts: Bool) async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        for _ in 0..<3 {
            domain.journal.fail(.beforeWriting)
            await #expect(throws: ScriptedJournal.Failure.beforeWriting) {
                if restarts {
                    _ = try await domain.startRotation(now: self.start + .hours(12))
                } else {
                    try await rotation.rotate(now: self.start + .hours(12))
                }
            }
            #expect(try await domain.keyManager.names().count == 4)
        }
        try await self.expectUsable(domain, at: self.start + .hours(12))
    }

    @Test("a first start that dies right after the journal was written leaves its authorities to the next one")
    func firstStartDiesAfterWriting() async throws {
        let domain = try TestDomain()
        domain.journal.fail(.afterWriting)
        await #expect(throws: ScriptedJournal.Failure.afterWriting) { try await domain.startRotation() }
        let written = domain.journal.records
        try await self.expectUsable(domain, at: self.start)
        #expect(domain.journal.records == written)
    }

    @Test("a start whose journal cannot be read makes nothing")
    func unreadable() async throws {
        let domain = try TestDomain()
        domain.journal.fail(.reading)
        await #expect(throws: ScriptedJournal.Failure.reading) { try await domain.startRotation() }
        #expect(domain.keyManager.events == [])
    }

    @Test("a key that cannot be made leaves what is in force, and the same is due again")
    func keyGenerationFails() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let before = rotation.state.current.bundle
        domain.keyManager.failNextGenerations(1)
        await #expect(throws: ScriptedKeyManager.failure) { try await rotation.rotate(now: self.start + .hours(12)) }
        #expect(rotation.state.current.bundle == before)
        #expect(rotation.nextInstant == self.start + .hours(12))
        #expect(try await rotation.rotate(now: self.start + .hours(12)) == self.start + .hours(20))
    }

    @Test(
        "whatever happens to the journal at any step, the process goes on",
        arguments: [ScriptedJournal.Failure.beforeWriting, .afterWriting], [12, 20, 25])
    func journalFails(failure: ScriptedJournal.Failure, hour: Int) async throws {
        let domain = try TestDomain()
        let (rotation, now) = try await self.fail(failure, at: hour, domain)
        let before = rotation.state.current.bundle
        #expect(try await rotation.rotate(now: now) > now)
        try await self.expectUsable(domain, at: now, after: [before, rotation.state.current.bundle])
    }

    @Test(
        "whatever happens to the journal at any step, a process that starts after the crash goes on",
        arguments: [ScriptedJournal.Failure.beforeWriting, .afterWriting], [12, 20, 25])
    func journalFailsAndCrash(failure: ScriptedJournal.Failure, hour: Int) async throws {
        let domain = try TestDomain()
        let (rotation, now) = try await self.fail(failure, at: hour, domain)
        try await self.expectUsable(domain, at: now, after: [rotation.state.current.bundle])
    }

    /// Rotates up to an hour at which something is due and the journal fails; what was in force is in force.
    private func fail(
        _ failure: ScriptedJournal.Failure, at hour: Int, _ domain: TestDomain
    ) async throws -> (AuthorityRotation, Date) {
        let rotation = try await domain.startRotation()
        for earlier in [12, 20] where earlier < hour { try await rotation.rotate(now: self.start + .hours(earlier)) }
        let before = rotation.state.current
        let now = self.start + .hours(hour)
        domain.journal.fail(failure)
        await #expect(throws: failure) { try await rotation.rotate(now: now) }
        #expect(rotation.state.current.bundle == before.bundle)
        #expect(rotation.state.current.x509.id == before.x509.id)
        return (rotation, now)
    }

    @Test("keys that could not be deleted are deleted by the next rotation, which is published in any case")
    func deletionFails() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        domain.keyManager.failNextDeletions(1)
        let old = rotation.state.current.x509.id
        await #expect(throws: ScriptedKeyManager.failure) { try await rotation.rotate(now: self.start + .hours(20)) }
        #expect(rotation.state.current.x509.id != old)
        try await rotation.rotate(now: self.start + .hours(20))
        #expect(try await domain.keyManager.names().count == 2)
    }

    @Test("a start serves even when unused keys cannot be deleted; the next rotation deletes them")
    func deletionFailsAtStart() async throws {
        let domain = try TestDomain()
        _ = try await domain.startRotation()
        _ = try await domain.keyManager.generateKey(id: "authority-x509-left", type: .ecP256)
        domain.keyManager.failNextDeletions(2)
        let rotation = try await domain.startRotation()
        #expect(try await domain.keyManager.names().contains("authority-x509-left"))
        try await rotation.rotate(now: self.start)
        #expect(try await domain.keyManager.names().count == 2)
    }

    @Test("keys of other names are never touched")
    func otherKeys() async throws {
        let domain = try TestDomain()
        _ = try await domain.keyManager.generateKey(id: "somebody-else", type: .ecP256)
        _ = try await domain.startRotation()
        #expect(try await domain.keyManager.names().contains("somebody-else"))
    }

    @Test("an active authority whose key was lost stays in the bundle until it expires, and a new one signs")
    func lostActiveKey() async throws {
        let domain = try TestDomain()
        let before = try await domain.firstState()
        try await domain.keyManager.deleteKey(id: before.x509.key.id)
        let now = self.start + .hours(1)
        let rotation = try await domain.startRotation(now: now)
        let state = rotation.state.current
        #expect(state.x509.id != before.x509.id)
        #expect(state.x509.notAfter == now + .days(1))
        #expect(state.bundle.x509Authorities == [before.x509.certificate, state.x509.certificate])
        // The other kind is as it was.
        #expect(state.jwt.keyID == before.jwt.keyID)
        #expect(try #require(before.bundle.sequenceNumber) < #require(state.bundle.sequenceNumber))

        try await rotation.rotate(now: self.start + .days(1))
        #expect(rotation.state.current.bundle.x509Authorities.contains(before.x509.certificate))
        try await rotation.rotate(now: self.start + .days(1) + .seconds(1))
        #expect(!rotation.state.current.bundle.x509Authorities.contains(before.x509.certificate))
    }

    @Test("a lost JWT key is replaced in the same way")
    func lostJWTKey() async throws {
        let domain = try TestDomain()
        let before = try await domain.firstState()
        try await domain.keyManager.deleteKey(id: before.jwt.key.id)
        let state = try await domain.startRotation(now: self.start + .hours(1)).state.current
        #expect(state.bundle.jwtAuthorities.map(\.keyID) == [before.jwt.keyID, state.jwt.keyID])
        #expect(state.x509.id == before.x509.id)
    }

    @Test("with all keys lost, the trust domain goes on with new ones")
    func allKeysLost() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        for name in try await domain.keyManager.names() { try await domain.keyManager.deleteKey(id: name) }
        try await self.expectUsable(domain, at: self.start + .hours(13), after: [rotation.state.current.bundle])
        #expect(domain.journal.records.x509.map(\.slot) == [.old, .old, .active])
    }

    @Test("a key that is not the one of its authority is not used")
    func wrongKey() async throws {
        let domain = try TestDomain()
        let before = try await domain.firstState()
        _ = try await domain.keyManager.generateKey(id: before.x509.key.id, type: .ecP256)
        _ = try await domain.keyManager.generateKey(id: before.jwt.key.id, type: .ecP256)
        try await self.expectUsable(domain, at: self.start + .hours(1), after: [before.bundle])
        #expect(domain.journal.records.x509.map(\.slot) == [.old, .active])
    }

    @Test("a start without the records keeps the keys it finds, and says so; the next one deletes them")
    func recordsLost() async throws {
        let domain = try TestDomain()
        _ = try await domain.startRotation()
        let keys = try await domain.keyManager.names()
        try await domain.journal.save(AuthorityRecords(), now: self.start)
        let rotation = try await domain.startRotation(now: self.start + .hours(1))
        #expect(rotation.startFindings.keptKeys == keys)
        #expect(rotation.startFindings.lostKeys == [])
        for hour in [13, 21] { try await rotation.rotate(now: self.start + .hours(hour)) }
        #expect(try await Set(domain.keyManager.names()).isSuperset(of: keys))
        let next = try await domain.startRotation(now: self.start + .hours(21))
        #expect(next.startFindings.keptKeys == [])
        #expect(try await Set(domain.keyManager.names()).isDisjoint(with: keys))
    }

    @Test("a start with the records and other keys says which keys are lost, and keeps those it finds")
    func keysReplaced() async throws {
        let domain = try TestDomain()
        let before = try await domain.firstState()
        for name in try await domain.keyManager.names() { try await domain.keyManager.deleteKey(id: name) }
        _ = try await domain.keyManager.generateKey(id: "authority-x509-older", type: .ecP256)
        let findings = try await domain.startRotation(now: self.start + .hours(1)).startFindings
        #expect(
            findings.lostKeys == [
                .init(keyName: before.x509.key.id, authorityID: before.x509.id, slot: .active),
                .init(keyName: before.jwt.key.id, authorityID: before.jwt.keyID, slot: .active),
            ])
        #expect(findings.keptKeys == ["authority-x509-older"])
        #expect(try await domain.keyManager.names().contains("authority-x509-older"))
    }

    @Test("a start with records and keys that go together finds nothing, even after the authorities have expired")
    func nothingMissing() async throws {
        let domain = try TestDomain()
        _ = try await domain.startRotation()
        for hour in [1, 100] {
            let findings = try await domain.startRotation(now: self.start + .hours(hour)).startFindings
            #expect(findings.lostKeys == [] && findings.keptKeys == [])
        }
    }
}
