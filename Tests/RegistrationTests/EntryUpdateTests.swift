import FoundationEssentials
import Registration
import SPIFFE
import Testing

@Suite("Updates of entries", .timeLimit(.minutes(1)))
struct EntryUpdateTests {
    private func other() throws -> EntryContent {
        EntryContent(
            spiffeID: try Fixture.id("/other"), parentID: try Fixture.id("/parent"),
            selectors: [try Selector(parsing: "a:b")], x509SVIDTTL: .seconds(1), jwtSVIDTTL: .seconds(2),
            federatesWith: [try Fixture.trustDomain("other.test")], admin: true, downstream: true,
            expiresAt: Date(timeIntervalSince1970: 5), dnsNames: ["x"], storeSVID: true, hint: "h",
            disableX509SVIDPrefetch: true, jwtSVIDIncludeJTI: true)
    }

    @Test("an update of all fields replaces the content, raises the revision, keeps id and creation")
    func all() throws {
        let updated = try Fixture.entry("one").updated(by: EntryUpdate(self.other()))
        #expect(
            updated
                == RegistrationEntry(
                    id: "one", content: try self.other(), revision: 1, createdAt: Fixture.createdAt))
    }

    @Test("an update of one field changes that field alone", arguments: EntryField.allCases)
    func one(field: EntryField) throws {
        let old = try Fixture.content()
        let new = old.replacing([field], from: try self.other())
        let rest = Set<EntryField>.allUpdatable.subtracting([field])
        #expect(new.replacing(rest, from: try self.other()) == (try self.other()))
        #expect(new.replacing([field], from: old) == old)
        #expect((new == old) == (field == .id))
    }

    @Test("the draft of an update takes only the fields of the mask", arguments: EntryField.allCases)
    func draft(field: EntryField) throws {
        let old = EntryDraft(try Fixture.entry("one"))
        let new = EntryDraft(RegistrationEntry(id: "one", content: try self.other(), createdAt: Fixture.createdAt))
        let mixed = old.replacing([field], from: new)
        #expect((mixed == old) == (field == .id))
        #expect(mixed.replacing([field], from: old) == old)
        #expect(mixed.replacing(.allUpdatable, from: new) == new)
    }
}

@Suite("What an entry matches", .timeLimit(.minutes(1)))
struct EntryMatchTests {
    @Test("a workload must have every selector of the entry")
    func matching() throws {
        let entry = try Fixture.entry("one", selectors: ["unix:uid:1", "unix:gid:2"])
        let uid = try Selector(parsing: "unix:uid:1")
        let gid = try Selector(parsing: "unix:gid:2")
        let more = try Selector(parsing: "unix:path:/x")
        #expect(entry.matches(workload: [uid, gid]))
        #expect(entry.matches(workload: [uid, gid, more]))
        #expect(!entry.matches(workload: [uid, more]))
        #expect(!entry.matches(workload: []))
    }

    @Test("an entry without selectors matches nobody")
    func noSelectors() throws {
        #expect(!(try Fixture.entry("one", selectors: []).matches(workload: [Selector(parsing: "a:b")])))
    }

    @Test("entries are similar when parent, SPIFFE ID and selectors are the same, in any order")
    func similar() throws {
        let one = try Fixture.content("/a", parent: "/p", selectors: ["x:1", "x:2"])
        #expect(
            one.isSimilar(to: try Fixture.content("/a", parent: "/p", selectors: ["x:2", "x:1", "x:2"], hint: "h")))
        #expect(!one.isSimilar(to: try Fixture.content("/b", parent: "/p", selectors: ["x:1", "x:2"])))
        #expect(!one.isSimilar(to: try Fixture.content("/a", parent: "/q", selectors: ["x:1", "x:2"])))
        #expect(!one.isSimilar(to: try Fixture.content("/a", parent: "/p", selectors: ["x:1"])))
    }
}

@Suite("Actors of changes", .timeLimit(.minutes(1)))
struct ActorTests {
    @Test("an actor is read back from its text")
    func roundTrip() throws {
        for actor in [Actor.server, .uid(0), .uid(.max), .peer(try Fixture.id("/admin"))] {
            #expect(Actor(description: actor.description) == actor)
        }
        #expect(Actor.uid(7).description == "uid:7")
        #expect(Actor.peer(try Fixture.id("/admin")).description == "spiffe://example.org/admin")
    }

    @Test("anything else is no actor", arguments: ["", "uid:", "uid:-1", "uid:4294967296", "root"])
    func refused(text: String) {
        #expect(Actor(description: text) == nil)
    }
}
