import FoundationEssentials
import Registration
import SPIFFE
import Testing

@Suite("What an agent may ask for", .timeLimit(.minutes(1)))
struct EntryAuthorizationTests {
    private func expect(
        _ index: EntryIndex, _ agents: [String], has ids: [String], now: Date = .distantPast,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let agentIDs = Set(try agents.map { try Fixture.id($0) })
        #expect(index.authorizedEntries(for: agentIDs, now: now).map(\.id) == ids, sourceLocation: sourceLocation)
        for entry in index.entries() {
            #expect(
                index.isAuthorized(agentIDs, entryID: entry.id, now: now) == ids.contains(entry.id), "\(entry.id)",
                sourceLocation: sourceLocation)
        }
    }

    @Test("an agent is authorised for its children, their children, and no others")
    func descendants() throws {
        let index = EntryIndex([
            try Fixture.entry("1", "/a", parent: "/agent"), try Fixture.entry("2", "/b", parent: "/a"),
            try Fixture.entry("3", "/c", parent: "/b"), try Fixture.entry("4", "/d", parent: "/other"),
            try Fixture.entry("5", "/agent", parent: "/other"),
        ])
        try self.expect(index, ["/agent"], has: ["1", "2", "3"])
        try self.expect(index, ["/other"], has: ["1", "2", "3", "4", "5"])
        try self.expect(index, [], has: [])
        try self.expect(index, ["/none"], has: [])
    }

    @Test("entries that are each other's parents, or their own, end the walk")
    func cycles() throws {
        let index = EntryIndex([
            try Fixture.entry("1", "/a", parent: "/agent"), try Fixture.entry("2", "/b", parent: "/a"),
            try Fixture.entry("3", "/a", parent: "/b"), try Fixture.entry("4", "/self", parent: "/self"),
            try Fixture.entry("5", "/agent", parent: "/b"),
        ])
        try self.expect(index, ["/agent"], has: ["1", "2", "3", "5"])
        try self.expect(index, ["/self"], has: ["4"])
    }

    @Test("an entry reached by two ways is listed once")
    func diamond() throws {
        let index = EntryIndex([
            try Fixture.entry("1", "/a", parent: "/agent"), try Fixture.entry("2", "/a", parent: "/alias"),
            try Fixture.entry("3", "/b", parent: "/a"),
        ])
        try self.expect(index, ["/agent", "/alias"], has: ["1", "2", "3"])
    }

    @Test("from its expiry on an entry gives nothing: neither itself, nor what is below it")
    func expired() throws {
        let expiry = Date(timeIntervalSince1970: 100)
        let index = EntryIndex([
            try Fixture.entry("1", "/a", parent: "/agent", expiresAt: expiry),
            try Fixture.entry("2", "/b", parent: "/a"), try Fixture.entry("3", "/c", parent: "/agent"),
        ])
        try self.expect(index, ["/agent"], has: ["1", "2", "3"], now: Date(timeIntervalSince1970: 99))
        try self.expect(index, ["/agent"], has: ["3"], now: expiry)
    }

    @Test("from its expiry on an entry under the server makes no alias")
    func expiredAlias() throws {
        let expiry = Date(timeIntervalSince1970: 100)
        let cluster = try Selector(type: "k8s", value: "cluster")
        let index = EntryIndex([
            try Fixture.entry(
                "1", "/cluster", parent: "/spire/server", selectors: ["k8s:cluster"], expiresAt: expiry),
            try Fixture.entry("2", "/other"),
        ])
        #expect(
            index.aliases(agentSelectors: [cluster], now: Date(timeIntervalSince1970: 99))
                == [try Fixture.id("/cluster")])
        #expect(index.aliases(agentSelectors: [cluster], now: expiry) == [])
    }

    @Test("an unknown entry is nobody's")
    func unknown() throws {
        #expect(!EntryIndex().isAuthorized([try Fixture.id("/agent")], entryID: "x", now: .distantPast))
    }

    @Test("an entry under the server makes its SPIFFE ID an alias of agents with all its selectors")
    func aliases() throws {
        let index = EntryIndex([
            try Fixture.entry("1", "/cluster", parent: "/spire/server", selectors: ["k8s:cluster:x"]),
            try Fixture.entry("2", "/rack", parent: "/spire/server", selectors: ["k8s:cluster:x", "k8s:rack:1"]),
            try Fixture.entry("3", "/no", parent: "/node", selectors: ["k8s:cluster:x"]),
        ])
        let cluster = try Selector(parsing: "k8s:cluster:x")
        let rack = try Selector(parsing: "k8s:rack:1")
        #expect(index.aliases(agentSelectors: [cluster], now: .distantPast) == [try Fixture.id("/cluster")])
        #expect(
            index.aliases(agentSelectors: [cluster, rack], now: .distantPast)
                == [try Fixture.id("/cluster"), try Fixture.id("/rack")])
        #expect(index.aliases(agentSelectors: [rack], now: .distantPast) == [])
        #expect(index.aliases(agentSelectors: [], now: .distantPast) == [])
    }

    @Test("an alias ends with its entry, and when the entry moves away from the server")
    func aliasEnds() throws {
        let cluster = try Selector(parsing: "k8s:cluster:x")
        var index = EntryIndex([
            try Fixture.entry("1", "/a", parent: "/spire/server", selectors: ["k8s:cluster:x"]),
            try Fixture.entry("2", "/b", parent: "/spire/server", selectors: ["k8s:cluster:x"]),
        ])
        index.apply(
            upserts: [try Fixture.entry("2", "/b", parent: "/node", selectors: ["k8s:cluster:x"])], removals: ["1"])
        #expect(index.aliases(agentSelectors: [cluster], now: .distantPast) == [])
    }
}
