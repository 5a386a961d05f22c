import IdentityServer
import SPIFFE
import Testing

@Suite("the history of entry changes", .timeLimit(.minutes(1)))
struct ChangeHistoryTests {
    private func id(_ path: String) throws -> SPIFFEID {
        try SPIFFEID(parsing: "spiffe://example.org\(path)")
    }

    private func record(_ number: UInt64, _ entryID: String, below path: String, movesOthers: Bool = false) throws
        -> ChangeHistory.Record
    {
        ChangeHistory.Record(
            number: number, touches: [.init(entryID: entryID, lineage: [try self.id(path)])], movesOthers: movesOthers)
    }

    @Test("tells what was touched below a root after a number")
    func touched() throws {
        var history = ChangeHistory(completeAfter: 10, capacity: 100)
        history.append(try self.record(11, "a", below: "/one"))
        history.append(try self.record(13, "b", below: "/two"))
        history.append(try self.record(17, "c", below: "/one"))
        let root: Set<SPIFFEID> = [try self.id("/one")]
        #expect(history.extract(after: 10, below: root) == .touched(["a", "c"]))
        #expect(history.extract(after: 11, below: root) == .touched(["c"]))
        #expect(history.extract(after: 12, below: root) == .touched(["c"]))
        #expect(history.extract(after: 17, below: root) == .touched([]))
        #expect(history.extract(after: 20, below: root) == .touched([]))
    }

    @Test("does not tell about what was before it began")
    func before() throws {
        let history = ChangeHistory(completeAfter: 10, capacity: 100)
        #expect(history.extract(after: 9, below: []) == .unknown)
        #expect(history.extract(after: 10, below: []) == .touched([]))
    }

    @Test("does not tell when others moved with an entry")
    func moves() throws {
        var history = ChangeHistory(completeAfter: 0, capacity: 100)
        history.append(try self.record(1, "a", below: "/one", movesOthers: true))
        #expect(history.extract(after: 0, below: []) == .unknown)
        #expect(history.extract(after: 1, below: []) == .touched([]))
    }

    @Test("a batch takes as many places as it touches entries, and one beyond the capacity is not remembered")
    func batches() throws {
        let root: Set<SPIFFEID> = [try self.id("/one")]
        let batch = { (number: UInt64, count: Int) in
            ChangeHistory.Record(
                number: number, touches: (0..<count).map { .init(entryID: "\(number)-\($0)", lineage: root) },
                movesOthers: false)
        }
        var history = ChangeHistory(completeAfter: 0, capacity: 5)
        history.append(batch(1, 2))
        history.append(batch(2, 3))
        #expect(history.extract(after: 0, below: root) == .touched(["1-0", "1-1", "2-0", "2-1", "2-2"]))
        history.append(batch(3, 1))
        #expect(history.extract(after: 0, below: root) == .unknown)
        #expect(history.extract(after: 1, below: root) == .touched(["2-0", "2-1", "2-2", "3-0"]))
        history.append(batch(4, 6))
        #expect(history.extract(after: 3, below: root) == .unknown)
        #expect(history.extract(after: 4, below: root) == .touched([]))
        history.append(batch(5, 5))
        #expect(history.extract(after: 4, below: root) == .touched(["5-0", "5-1", "5-2", "5-3", "5-4"]))
    }

    @Test("forgets the oldest beyond its capacity", arguments: [1, 2, 3, 7])
    func capacity(capacity: Int) throws {
        var history = ChangeHistory(completeAfter: 0, capacity: capacity)
        for number in 1...50 as ClosedRange<UInt64> {
            history.append(try self.record(number, "\(number)", below: "/one"))
        }
        let oldest = UInt64(50 - capacity)
        let root: Set<SPIFFEID> = [try self.id("/one")]
        #expect(history.extract(after: oldest - 1, below: root) == .unknown)
        #expect(
            history.extract(after: oldest, below: root) == .touched(Set(((oldest + 1)...50).map { "\($0)" })))
    }
}
