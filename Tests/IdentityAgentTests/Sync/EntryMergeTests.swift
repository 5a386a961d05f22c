import FoundationEssentials
import IdentityAgent
import Registration
import Testing

@Suite("Changes pushed by the server", .timeLimit(.minutes(1)))
struct EntryMergeTests {
    private let first = ChangePosition(epoch: "e", number: 1)
    private let second = ChangePosition(epoch: "e", number: 2)

    private func merge(holding ids: String...) throws -> EntryMerge {
        var merge = EntryMerge()
        _ = try merge.apply(.init(position: self.first, isFull: true, entries: try ids.map { try entry($0) }))
        return merge
    }

    @Test("a full state replaces everything")
    func full() throws {
        var merge = try self.merge(holding: "a", "b")
        #expect(try merge.apply(.init(position: self.second, isFull: true, entries: [try entry("c")])))
        #expect(merge.entries.keys.sorted() == ["c"])
        #expect(merge.position == self.second)
    }

    @Test("a difference adds, replaces and removes")
    func difference() throws {
        var merge = try self.merge(holding: "a", "b")
        #expect(
            try merge.apply(
                .init(
                    position: self.second, entries: [try entry("b", revision: 1), try entry("c")],
                    removedEntryIDs: ["a", "unknown"])))
        #expect(merge.entries.keys.sorted() == ["b", "c"])
        #expect(merge.entries["b"]?.revision == 1)
    }

    @Test("nothing of a change in several messages takes effect before the last one")
    func pages() throws {
        var merge = try self.merge(holding: "a")
        #expect(
            try !merge.apply(.init(position: self.second, isFull: true, entries: [try entry("b")], hasMore: true)))
        #expect(merge.entries.keys.sorted() == ["a"])
        #expect(merge.position == self.first)
        #expect(try merge.apply(.init(position: self.second, isFull: true, entries: [try entry("c")])))
        #expect(merge.entries.keys.sorted() == ["b", "c"])
        #expect(merge.position == self.second)
    }

    @Test("a change of which the last message did not come leaves no trace")
    func abandoned() throws {
        var merge = try self.merge(holding: "a")
        _ = try merge.apply(.init(position: self.second, entries: [try entry("b")], hasMore: true))
        merge.abandonPending()
        #expect(try merge.apply(.init(position: self.second, entries: [try entry("c")])))
        #expect(merge.entries.keys.sorted() == ["a", "c"])
    }

    @Test("a full state that goes on as a difference is refused")
    func mixed() throws {
        var merge = try self.merge(holding: "a")
        _ = try merge.apply(.init(position: self.second, isFull: true, hasMore: true))
        #expect(throws: EntryMergeError.mixedChange) { try merge.apply(.init(position: self.second)) }
        #expect(merge.entries.keys.sorted() == ["a"])
    }

    @Test("more entries than an agent holds are refused")
    func tooMany() throws {
        let sample = try entry("x")
        let entries = (0...EntryMerge.maxEntries).map {
            RegistrationEntry(id: "\($0)", content: sample.content, createdAt: sample.createdAt)
        }
        var merge = try self.merge(holding: "a")
        #expect(throws: EntryMergeError.tooManyEntries(limit: EntryMerge.maxEntries)) {
            try merge.apply(.init(position: self.second, entries: entries))
        }
        #expect(throws: EntryMergeError.tooManyEntries(limit: EntryMerge.maxEntries)) {
            try merge.replace(with: entries)
        }
        #expect(merge.entries.keys.sorted() == ["a"])
    }

    @Test("a state that was asked for has no position, so a server that pushes sends everything")
    func replaced() throws {
        var merge = try self.merge(holding: "a")
        try merge.replace(with: [try entry("b")])
        #expect(merge.position == nil)
        #expect(merge.entries.keys.sorted() == ["b"])
    }

    @Test("missing are new entries, other revisions, and other entries of a known id")
    func missing() throws {
        let merge = try self.merge(holding: "same", "newer", "other")
        let created = try entry("same").createdAt
        let revisions = [
            EntryRevision(id: "same", number: 0, createdAt: created),
            EntryRevision(id: "newer", number: 1, createdAt: created),
            EntryRevision(id: "other", number: 0, createdAt: created.addingTimeInterval(1)),
            EntryRevision(id: "new", number: 0, createdAt: created),
        ]
        #expect(merge.missing(from: revisions) == ["newer", "other", "new"])
    }
}
