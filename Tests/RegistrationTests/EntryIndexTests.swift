import FoundationEssentials
import Registration
import SPIFFE
import TestSupport
import Testing

@Suite("The index of entries", .timeLimit(.minutes(1)))
struct EntryIndexTests {
    @Test("tells whether an ID is the parent of any entry")
    func parents() throws {
        var index = EntryIndex([try Fixture.entry("1", "/a", parent: "/agent")])
        let (agent, other) = (try Fixture.id("/agent"), try Fixture.id("/a"))
        #expect(index.hasEntries(parentID: agent))
        #expect(!index.hasEntries(parentID: other))
        index.apply(removals: ["1"])
        #expect(!index.hasEntries(parentID: agent))
    }

    @Test("entries are found by id, by parent and by SPIFFE ID, ordered by id")
    func lookups() throws {
        let entries = [
            try Fixture.entry("c", "/web", parent: "/node1"), try Fixture.entry("a", "/web", parent: "/node2"),
            try Fixture.entry("b", "/db", parent: "/node1"),
        ]
        let index = EntryIndex(entries)
        #expect(index.count == 3)
        #expect(index["b"] == entries[2])
        #expect(index["x"] == nil)
        #expect(Array(index.entries()).map(\.id) == ["a", "b", "c"])
        #expect(index.entries(parentID: try Fixture.id("/node1")).map(\.id) == ["b", "c"])
        #expect(index.entries(spiffeID: try Fixture.id("/web")).map(\.id) == ["a", "c"])
        #expect(index.entries(spiffeID: try Fixture.id("/none")) == [])
    }

    @Test("an entry that moves to another parent and SPIFFE ID is found only there")
    func move() throws {
        var index = EntryIndex([try Fixture.entry("a", "/web", parent: "/node1")])
        let moved = try Fixture.entry("a", "/db", parent: "/node2")
        index.apply(upserts: [moved])
        #expect(index.count == 1)
        #expect(index.entries(parentID: try Fixture.id("/node1")) == [])
        #expect(index.entries(spiffeID: try Fixture.id("/web")) == [])
        #expect(index.entries(parentID: try Fixture.id("/node2")) == [moved])
        #expect(index.entries(spiffeID: try Fixture.id("/db")) == [moved])
    }

    @Test("a removed entry is gone everywhere, an unknown id is ignored")
    func removal() throws {
        var index = EntryIndex([try Fixture.entry("a")])
        index.apply(removals: ["a", "b"])
        #expect(index.count == 0)
        #expect(Array(index.entries()) == [])
        #expect(index.entries(parentID: try Fixture.id("/node")) == [])
    }

    @Test("a copy does not see the changes of the original")
    func valueSemantics() throws {
        var index = EntryIndex([try Fixture.entry("a")])
        let copy = index
        index.apply(upserts: [try Fixture.entry("b", "/b")], removals: ["a"])
        #expect(Array(copy.entries()).map(\.id) == ["a"])
        #expect(Array(index.entries()).map(\.id) == ["b"])
    }

    @Test(
        "after thousands of random changes the index has what a plain dictionary has", arguments: [1, 2, 3] as [UInt64])
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var model: [String: RegistrationEntry] = [:]
        for number in 0..<500 {
            let entry = try Fixture.entry("id\(number)", "/w\(number % 7)", parent: "/n\(number % 5)")
            model[entry.id] = entry
        }
        var index = EntryIndex(Array(model.values))
        for _ in 0..<4000 {
            let id = "id\(Int.random(in: 0..<3000, using: &random))"
            if Int.random(in: 0..<5, using: &random) < 2 {
                model[id] = nil
                index.apply(removals: [id])
            } else {
                let path = "/w\(Int.random(in: 0..<7, using: &random))"
                let entry = try Fixture.entry(id, path, parent: "/n\(Int.random(in: 0..<5, using: &random))")
                model[id] = entry
                index.apply(upserts: [entry])
            }
        }
        let expected = model.values.sorted { $0.id < $1.id }
        #expect(Array(index.entries()) == expected)
        #expect(index.count == expected.count)
        for number in 0..<7 {
            let id = try Fixture.id("/w\(number)")
            #expect(index.entries(spiffeID: id) == expected.filter { $0.spiffeID == id })
        }
        for number in 0..<5 {
            let id = try Fixture.id("/n\(number)")
            #expect(index.entries(parentID: id) == expected.filter { $0.parentID == id })
        }
        for id in ["id0", "id1500", "id2999", "nope"] {
            #expect(index[id] == model[id])
            #expect(Array(index.entries(after: id)) == expected.filter { $0.id > id })
        }
    }
}

@Suite("Listing entries", .timeLimit(.minutes(1)))
struct EntryListingTests {
    private func index() throws -> EntryIndex {
        EntryIndex(
            try (0..<1000).map { number in
                try Fixture.entry(
                    "id\(1000 + number)", "/w\(number % 2)", parent: "/n\(number % 3)",
                    hint: number % 5 == 0 ? "five" : "")
            })
    }

    @Test(
        "pages follow each other without gap or repetition, and the last says so", arguments: [1, 7, 999, 1000, 1001])
    func pages(limit: Int) throws {
        let index = try self.index()
        var listed: [String] = []
        var next: String?
        repeat {
            let page = index.page(after: next, limit: limit)
            #expect(page.entries.count <= limit)
            listed += page.entries.map(\.id)
            next = page.next
        } while next != nil
        #expect(listed == (1000..<2000).map { "id\($0)" })
    }

    @Test("an entry created between two pages does not shift the next one, a deleted last one does not either")
    func stable() throws {
        var index = try self.index()
        let first = index.page(limit: 10)
        #expect(first.next == "id1009")
        index.apply(upserts: [try Fixture.entry("id0")], removals: ["id1009"])
        #expect(index.page(after: first.next, limit: 2).entries.map(\.id) == ["id1010", "id1011"])
    }

    @Test("a filter applies before paging, by whichever list is at hand")
    func filtered() throws {
        let index = try self.index()
        let spiffeID = try Fixture.id("/w0")
        let parentID = try Fixture.id("/n0")
        let filters = [
            EntryFilter(hint: "five"), EntryFilter(spiffeID: spiffeID, hint: "five"),
            EntryFilter(parentID: parentID, hint: "five"), EntryFilter(spiffeID: spiffeID, parentID: parentID),
        ]
        for filter in filters {
            let expected = index.entries().filter { filter.matches($0) }
            #expect(index.page(filter, limit: 1000).entries == expected)
            #expect(index.page(filter, after: expected[3].id, limit: 2).entries == Array(expected[4...5]))
            #expect(index.count(filter) == expected.count)
        }
    }

}
