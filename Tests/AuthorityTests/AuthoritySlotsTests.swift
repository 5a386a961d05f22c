import Authority
import FoundationEssentials
import Testing

@Suite("Authority slots", .timeLimit(.minutes(1)))
struct AuthoritySlotsTests {
    /// An authority of one day that nobody signs with.
    private struct Named: RotatingAuthority {
        let id: String
        let issuedAt: Date
        var validFrom: Date?
        var expiresAt: Date
        var keyName: String { "key-" + self.id }

        init(_ id: String, issued offset: Duration, lifetime: Duration = .days(1), validFrom: Duration? = nil) {
            self.id = id
            self.issuedAt = TestDomain.start + offset
            self.validFrom = validFrom.map { TestDomain.start + $0 }
            self.expiresAt = TestDomain.start + offset + lifetime
        }
    }

    private let first = Named("first", issued: .zero)
    private let second = Named("second", issued: .hours(12))

    private func step(
        _ slots: AuthoritySlots<Named>, at offset: Duration, lost: Set<String> = []
    ) -> AuthorityStep? {
        slots.nextStep(now: TestDomain.start + offset) { !lost.contains($0.id) }
    }

    @Test("with no authority, one is prepared and activated at once")
    func fromNothing() {
        var slots = AuthoritySlots<Named>()
        #expect(self.step(slots, at: .zero) == .prepare)
        slots.prepare(self.first)
        #expect(self.step(slots, at: .zero) == .activate)
        slots.activate()
        #expect(slots == AuthoritySlots(active: self.first))
        #expect(self.step(slots, at: .zero) == nil)
    }

    @Test("a successor is prepared when half the life is left, not a second earlier")
    func preparation() {
        let slots = AuthoritySlots(active: self.first)
        #expect(slots.nextInstant == TestDomain.start + .hours(12))
        #expect(self.step(slots, at: .hours(12) - .seconds(1)) == nil)
        #expect(self.step(slots, at: .hours(12)) == .prepare)
    }

    @Test("a successor is activated when a sixth of the life is left, not a second earlier")
    func activation() {
        var slots = AuthoritySlots(prepared: self.second, active: self.first)
        #expect(slots.nextInstant == TestDomain.start + .hours(20))
        #expect(self.step(slots, at: .hours(20) - .seconds(1)) == nil)
        #expect(self.step(slots, at: .hours(20)) == .activate)
        slots.activate()
        #expect(slots == AuthoritySlots(active: self.second, old: [self.first]))
    }

    @Test("the leads of a year-long authority are 30 and 7 days")
    func longLeads() {
        let year = Named("year", issued: .zero, lifetime: .days(365))
        let next = Named("next", issued: .days(335), lifetime: .days(365))
        #expect(AuthoritySlots(active: year).nextInstant == TestDomain.start + .days(335))
        #expect(AuthoritySlots(prepared: next, active: year).nextInstant == TestDomain.start + .days(358))
    }

    @Test("an old authority is pruned in the second after its last")
    func pruning() {
        var slots = AuthoritySlots(active: self.second, old: [self.first])
        #expect(slots.nextInstant == TestDomain.start + .hours(24))
        let late = Named("late", issued: .hours(20))
        slots = AuthoritySlots(active: late, old: [self.first])
        #expect(slots.nextInstant == TestDomain.start + .hours(24) + .seconds(1))
        #expect(self.step(slots, at: .hours(24)) == nil)
        #expect(self.step(slots, at: .hours(24) + .seconds(1)) == .prune)
        #expect(slots.prune(now: TestDomain.start + .hours(24)).isEmpty)
        #expect(slots.prune(now: TestDomain.start + .hours(24) + .seconds(1)) == [self.first])
        #expect(slots == AuthoritySlots(active: late))
    }

    @Test("an active authority whose key is lost is replaced by the prepared one")
    func lostActiveKey() {
        let slots = AuthoritySlots(prepared: self.second, active: self.first)
        #expect(self.step(slots, at: .hours(13), lost: ["first"]) == .activate)
    }

    @Test("an active authority whose key is lost is replaced by a new one when none is prepared")
    func lostActiveKeyAlone() {
        var slots = AuthoritySlots(active: self.first)
        #expect(self.step(slots, at: .hours(1), lost: ["first"]) == .prepare)
        slots.prepare(Named("new", issued: .hours(1)))
        #expect(self.step(slots, at: .hours(1), lost: ["first"]) == .activate)
        slots.activate()
        #expect(slots.old == [self.first])
    }

    @Test("a prepared authority whose key is lost becomes old without having signed")
    func lostPreparedKey() {
        var slots = AuthoritySlots(prepared: self.second, active: self.first)
        #expect(self.step(slots, at: .hours(13), lost: ["second"]) == .setAside)
        slots.setAside()
        #expect(slots == AuthoritySlots(active: self.first, old: [self.second]))
        #expect(self.step(slots, at: .hours(13), lost: ["second"]) == .prepare)
    }

    @Test("after a long stop, what has expired is replaced before it is forgotten")
    func longStop() {
        var slots = AuthoritySlots(prepared: self.second, active: self.first)
        var steps: [AuthorityStep] = []
        while let step = self.step(slots, at: .days(10)) {
            steps.append(step)
            switch step {
            case .prepare: slots.prepare(Named("new", issued: .days(10)))
            case .activate: slots.activate()
            case .setAside: slots.setAside()
            case .prune: slots.prune(now: TestDomain.start + .days(10))
            }
        }
        #expect(steps == [.setAside, .prepare, .activate, .prune])
        #expect(slots == AuthoritySlots(active: Named("new", issued: .days(10))))
    }

    @Test("a clock set back changes nothing while the authorities are valid by it")
    func clockSetBack() {
        let slots = AuthoritySlots(prepared: self.second, active: self.first, old: [Named("old", issued: .hours(-12))])
        #expect(self.step(slots, at: .hours(-1000)) == nil)
    }

    @Test("an authority that is not valid yet by the clock is replaced, and kept")
    func clockSetBackBeforeValidity() {
        var slots = AuthoritySlots(active: Named("future", issued: .days(5), validFrom: .days(5) - .seconds(10)))
        #expect(self.step(slots, at: .days(5) - .seconds(10)) == nil)
        #expect(self.step(slots, at: .days(5) - .seconds(11)) == .prepare)
        slots.prepare(Named("now", issued: .days(4), validFrom: .days(4)))
        #expect(self.step(slots, at: .days(4)) == .activate)
        slots.activate()
        #expect(slots.all.map(\.id) == ["now", "future"])
    }

    @Test("a prepared authority that is not valid yet is left alone until it is needed, then set aside")
    func preparedInTheFuture() {
        let future = Named("future", issued: .days(5), validFrom: .days(5))
        let slots = AuthoritySlots(prepared: future, active: self.first)
        #expect(self.step(slots, at: .hours(1)) == nil)
        #expect(self.step(slots, at: .hours(20)) == .setAside)
    }

    @Test("the order of all authorities is that of their issue, whatever their slots")
    func order() {
        let third = Named("third", issued: .hours(24))
        let before = AuthoritySlots(prepared: third, active: self.second, old: [self.first])
        var after = before
        after.activate()
        #expect(before.all.map(\.id) == ["first", "second", "third"])
        #expect(after.all.map(\.id) == ["first", "second", "third"])
    }

    @Test("only active and prepared authorities need their keys")
    func neededKeys() {
        let slots = AuthoritySlots(prepared: nil, active: self.second, old: [self.first])
        #expect(slots.neededKeyNames == ["key-second"])
        #expect(
            AuthoritySlots(prepared: self.second, active: self.first).neededKeyNames == ["key-first", "key-second"])
    }
}
