import Authority
import FoundationEssentials
import KeyManagement
import Rotation
import SPIFFE
import Synchronization
import Testing
import X509

@Suite("Rotation of the authorities", .timeLimit(.minutes(1)))
struct AuthorityRotationTests {
    private let start = TestDomain.start

    /// The authorities of both kinds in the order of the bundle.
    private func ids(_ state: AuthorityState) -> [[String]] {
        [
            state.bundle.x509Authorities.map { keyHash($0.publicKey) }, state.bundle.jwtAuthorities.map(\.keyID),
        ]
    }

    @Test("a start makes and journals one authority of each kind, in one step")
    func firstStart() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        #expect(domain.journal.saveTimes == [self.start])
        #expect(domain.journal.records.x509.map(\.slot) == [.active])
        #expect(domain.journal.records.jwt.map(\.slot) == [.active])
        #expect(rotation.nextInstant == self.start + .hours(12))
        #expect(rotation.state.current.jwt.expiresAt == self.start + .days(1))
        #expect(rotation.state.current.x509.notAfter == self.start + .days(1))
    }

    @Test("nothing happens before the moment that was returned")
    func notDue() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let before = self.ids(rotation.state.current)
        #expect(try await rotation.rotate(now: self.start + .hours(12) - .seconds(1)) == self.start + .hours(12))
        #expect(self.ids(rotation.state.current) == before)
        #expect(domain.journal.saveCount == 1)
    }

    @Test("FED-04: a prepared authority is in the bundle at once, and does not sign")
    func preparation() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let first = rotation.state.current
        let next = try await rotation.rotate(now: self.start + .hours(12))
        let state = rotation.state.current
        #expect(next == self.start + .hours(20))
        #expect(state.bundle.x509Authorities.count == 2)
        #expect(state.bundle.jwtAuthorities.count == 2)
        #expect(state.x509.id == first.x509.id)
        #expect(state.jwt.keyID == first.jwt.keyID)
        #expect(domain.journal.records.x509.map(\.slot) == [.active, .prepared])
    }

    @Test("an activated authority signs, and the one before stays in the bundle")
    func activation() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let first = rotation.state.current
        try await rotation.rotate(now: self.start + .hours(12))
        let prepared = rotation.state.current
        let next = try await rotation.rotate(now: self.start + .hours(20))
        let state = rotation.state.current
        #expect(next == self.start + .hours(24))
        #expect(state.x509.id == keyHash(prepared.bundle.x509Authorities[1].publicKey))
        #expect(state.jwt.keyID == prepared.bundle.jwtAuthorities[1].keyID)
        #expect(state.bundle == prepared.bundle)
        let old = try first.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(4), now: self.start + .hours(20))
        let verified = try VerifiedX509SVID.validate(
            old.chain, bundles: TrustBundles([state.bundle]), now: self.start + .hours(24))
        #expect(verified.notAfter == self.start + .hours(24))
    }

    /// Each twelve hours a successor is prepared; each is activated eight hours later, and pruned a day after its issue.
    @Test("over three weeks each authority is prepared, activated and pruned at exactly its moments")
    func threeWeeks() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        var now = self.start
        var preparations: [Date] = []
        var activations: [Date] = []
        var prunings: [Date] = []
        var sequences = [try #require(rotation.state.current.bundle.sequenceNumber)]
        while now < self.start + .days(21) {
            let before = rotation.state.current
            now = rotation.nextInstant
            let next = try await rotation.rotate(now: now)
            #expect(next > now)
            let after = rotation.state.current
            let (old, new) = (self.ids(before), self.ids(after))
            for kind in 0..<2 {
                #expect(new[kind].count <= 3)
                if !Set(new[kind]).isSubset(of: old[kind]) { preparations.append(now) }
                if !Set(old[kind]).isSubset(of: new[kind]) { prunings.append(now) }
            }
            if before.x509.id != after.x509.id { activations.append(now) }
            #expect((before.x509.id != after.x509.id) == (before.jwt.keyID != after.jwt.keyID))
            let sequence = try #require(after.bundle.sequenceNumber)
            if old == new {
                #expect(sequence == sequences.last)
            } else {
                sequences.append(sequence)
            }
        }
        func twice(_ dates: [Date]) -> [Date] { dates.flatMap { [$0, $0] } }
        func upToNow(_ count: Int, _ date: (Int) -> Date) -> [Date] { (0..<count).map(date).filter { $0 <= now } }
        #expect(preparations == twice(upToNow(60) { self.start + .hours(12 * ($0 + 1)) }))
        #expect(activations == upToNow(60) { self.start + .hours(12 * $0 + 20) })
        #expect(prunings == twice(upToNow(60) { self.start + .hours(12 * $0 + 24) + .seconds(1) }))
        #expect(preparations.count == 84)
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("FED-03: each successor is published five refresh hints or more before it signs")
    func publishedAhead() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let lead = domain.configuration.refreshHint * 5
        var published: [String: Date] = [:]
        var activations = 0
        var now = self.start
        while now < self.start + .days(7) {
            let signers = [rotation.state.current.x509.id, rotation.state.current.jwt.keyID]
            now = rotation.nextInstant
            try await rotation.rotate(now: now)
            let after = rotation.state.current
            for id in self.ids(after).joined() where published[id] == nil { published[id] = now }
            for id in [after.x509.id, after.jwt.keyID] where !signers.contains(id) {
                activations += 1
                #expect(try #require(published[id]) + lead <= now)
            }
        }
        #expect(activations > 10)
    }

    @Test("FED-05: an old authority is published as long as an SVID of it may live, and not a second longer")
    func publishedUntilTheLast() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        // The last that the first authority signs, and as long as it can make it.
        let moment = self.start + .hours(20)
        let svid = try rotation.state.current.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .days(2), now: moment)
        let first = self.ids(rotation.state.current).map { $0[0] }
        try await rotation.rotate(now: moment)
        #expect(self.ids(rotation.state.current).map { $0[0] } == first)
        let last = try #require(svid.chain.first).notValidAfter
        try await rotation.rotate(now: last)
        let bundles = TrustBundles([rotation.state.current.bundle])
        #expect(try VerifiedX509SVID.validate(svid.chain, bundles: bundles, now: last).id == domain.id("/web"))
        try await rotation.rotate(now: last + .seconds(1))
        #expect(Set(self.ids(rotation.state.current).joined()).isDisjoint(with: first))
    }

    @Test("an SVID of the guaranteed lifetime is never cut, whenever it is issued")
    func guaranteedLifetime() async throws {
        let domain = try TestDomain(caTTL: .hours(24))
        let rotation = try await domain.startRotation()
        var now = self.start
        while now < self.start + .days(3) {
            now = min(now + .seconds(617), rotation.nextInstant)
            if now == rotation.nextInstant { try await rotation.rotate(now: now) }
            let svid = try rotation.state.current.issueX509SVID(
                id: domain.id("/web"), publicKey: newPublicKey(), ttl: domain.configuration.guaranteedTTL, now: now)
            #expect(!svid.clamped)
        }
    }

    @Test("private keys of old authorities are deleted")
    func keys() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let first = try await domain.keyManager.names()
        try await rotation.rotate(now: self.start + .hours(12))
        #expect(try await domain.keyManager.names().count == 4)
        try await rotation.rotate(now: self.start + .hours(20))
        let last = try await domain.keyManager.names()
        #expect(last.count == 2)
        #expect(Set(last).isDisjoint(with: first))
        #expect(Set(last) == [rotation.state.current.x509.key.id, rotation.state.current.jwt.key.id])
    }

    @Test("a restart goes on with the same authorities and the same bundle, and writes nothing")
    func restart() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        try await rotation.rotate(now: self.start + .hours(20))
        try await rotation.rotate(now: self.start + .hours(24))
        let before = rotation.state.current
        let saves = domain.journal.saveCount
        let restarted = try await domain.startRotation(now: self.start + .hours(24))
        let after = restarted.state.current
        #expect(after.bundle == before.bundle)
        #expect(after.x509.certificate == before.x509.certificate)
        #expect(after.jwt.keyID == before.jwt.keyID)
        #expect(restarted.nextInstant == rotation.nextInstant)
        #expect(domain.journal.saveCount == saves)
        let svid = try after.issueX509SVID(
            id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: self.start + .hours(24))
        _ = try VerifiedX509SVID.validate(
            svid.chain, bundles: TrustBundles([before.bundle]), now: self.start + .hours(24))
    }

    @Test("a restart after a long stop replaces everything at once")
    func restartAfterLongStop() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        let restarted = try await domain.startRotation(now: self.start + .days(100))
        let state = restarted.state.current
        #expect(state.bundle.x509Authorities == [state.x509.certificate])
        #expect(state.bundle.jwtAuthorities.map(\.keyID) == [state.jwt.keyID])
        #expect(state.x509.notAfter == self.start + .days(101))
        #expect(Set(self.ids(state)[0]).isDisjoint(with: self.ids(rotation.state.current)[0]))
    }

    @Test("a clock that is set back a little changes nothing")
    func clockSetBackALittle() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        let before = rotation.state.current.bundle
        try await rotation.rotate(now: self.start - .seconds(10))
        #expect(rotation.state.current.bundle == before)
        #expect(domain.journal.saveCount == 1)
    }

    @Test("a clock that is set back far destroys no authority, and SVIDs issued by it are valid by it")
    func clockSetBackFar() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        let before = rotation.state.current
        let past = self.start - .days(30)
        try await rotation.rotate(now: past)
        let state = rotation.state.current
        #expect(Set(self.ids(before)[0]).isSubset(of: self.ids(state)[0]))
        #expect(Set(self.ids(before)[1]).isSubset(of: self.ids(state)[1]))
        let svid = try state.issueX509SVID(id: domain.id("/web"), publicKey: newPublicKey(), ttl: .hours(1), now: past)
        _ = try VerifiedX509SVID.validate(svid.chain, bundles: TrustBundles([state.bundle]), now: past)
        let sequences = [before, state].compactMap(\.bundle.sequenceNumber)
        #expect(sequences[0] < sequences[1])
        // Back to the right time: what was there is still there.
        try await rotation.rotate(now: self.start + .hours(13))
        #expect(Set(self.ids(before)[0]).isSubset(of: self.ids(rotation.state.current)[0]))
    }

    @Test("concurrent rotations make one successor")
    func singleFlight() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        try await withThrowingTaskGroup(of: Date.self) { group in
            for _ in 0..<20 { group.addTask { try await rotation.rotate(now: TestDomain.start + .hours(12)) } }
            for try await next in group { #expect(next == TestDomain.start + .hours(20)) }
        }
        #expect(rotation.state.current.bundle.x509Authorities.count == 2)
        #expect(domain.journal.saveCount == 2)
    }

    @Test("watchers of the state see the new snapshot")
    func watched() async throws {
        let domain = try TestDomain()
        let rotation = try await domain.startRotation()
        var counts: [Int] = []
        for await state in rotation.state.updates() {
            counts.append(state.bundle.x509Authorities.count)
            guard counts.last == 1 else { break }
            try await rotation.rotate(now: self.start + .hours(12))
        }
        #expect(counts == [1, 2])
    }

    @Test("authorities with RSA and P-384 keys rotate, and survive a restart", arguments: [KeyType.rsa2048, .ecP384])
    func otherKeys(type: KeyType) async throws {
        let domain = try TestDomain(caKeyType: type)
        let rotation = try await domain.startRotation()
        try await rotation.rotate(now: self.start + .hours(12))
        let restarted = try await domain.startRotation(now: self.start + .hours(12))
        #expect(restarted.state.current.bundle == rotation.state.current.bundle)
        #expect(restarted.state.current.x509.key.type == type)
        #expect(restarted.state.current.jwt.key.type == type)
    }
}
