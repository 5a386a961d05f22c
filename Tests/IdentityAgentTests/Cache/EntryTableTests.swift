import IdentityAgent
import Registration
import Testing
import WorkloadAttestation

@Suite("Matching workloads with entries", .timeLimit(.minutes(1)))
struct EntryTableTests {
    @Test("a workload matches the entries all of whose selectors it has")
    func matching() throws {
        let table = EntryTable([
            try entry("uid"), try entry("both", selectors: ["unix:uid:1000", "unix:path:/bin/a"]),
            try entry("other", selectors: ["unix:uid:1001"]),
        ])
        #expect(table.matching(try selectors("unix:uid:1000", "unix:gid:5")).map(\.id) == ["uid"])
        #expect(
            table.matching(try selectors("unix:uid:1000", "unix:path:/bin/a")).map(\.id) == ["both", "uid"])
        #expect(table.matching(try selectors("unix:path:/bin/a")).isEmpty)
        #expect(table.matching([]).isEmpty)
    }

    @Test("WAPI-70: the oldest entry comes first, of the same age the one with the lesser id")
    func order() throws {
        let table = EntryTable([
            try entry("b"), try entry("a"), try entry("c", age: 10), try entry("d", age: -10),
        ])
        #expect(table.matching(try selectors("unix:uid:1000")).map(\.id) == ["c", "a", "b", "d"])
    }

    @Test("entries for a store of SVIDs are not for workloads")
    func storeEntries() throws {
        let table = EntryTable([try entry("store", storeSVID: true)])
        #expect(table.matching(try selectors("unix:uid:1000")).isEmpty)
    }

    @Test("an entry without selectors matches nobody")
    func noSelectors() throws {
        let table = EntryTable([try entry("none", selectors: [])])
        #expect(table.matching(try selectors("unix:uid:1000")).isEmpty)
    }

    @Test("WAPI-25: of entries with the same hint the oldest is served; empty hints are no hints")
    func duplicateHints() throws {
        let entries = [
            try entry("foo", hint: "internal"), try entry("bar", hint: "external"),
            try entry("baz", hint: "internal"), try entry("e1"), try entry("e2"),
        ]
        let (kept, dropped) = entries.withoutDuplicateHints()
        #expect(kept.map(\.id) == ["foo", "bar", "e1", "e2"])
        #expect(dropped.map(\.id) == ["baz"])
    }

    @Test("the kinds of selectors that entries use are known")
    func wantedSelectors() throws {
        let table = EntryTable([try entry("hash", selectors: ["unix:sha256:ab", "unix:uid:5"])])
        #expect(table.wantedSelectors.contains("unix:sha256"))
        #expect(!table.wantedSelectors.contains("unix:path"))
    }
}
