import FoundationEssentials
import Registration
import Testing

@Suite("Entry IDs", .timeLimit(.minutes(1)))
struct EntryIDsTests {
    private let now = Date(timeIntervalSince1970: 1_645_557_742)

    @Test("are UUIDs of version 7 with the time in front")
    func form() throws {
        // The time of RFC 9562's example in appendix A.6.
        let id = EntryIDs().next(now: self.now)
        #expect(id.hasPrefix("017f22e2-79b0-7"))
        let uuid = try #require(UUID(uuidString: id))
        #expect(uuid.uuidString.lowercased() == id)
        #expect(uuid.uuid.8 & 0xC0 == 0x80)
    }

    @Test("are in the order of their making, within a millisecond and when the clock is set back")
    func order() {
        let ids = EntryIDs()
        let made = (0..<20_000).map { ids.next(now: self.now.addingTimeInterval($0 < 10_000 ? 0 : -3_600)) }
        #expect(made == made.sorted())
        #expect(Set(made).count == made.count)
    }

    @Test("differ between makers of one millisecond")
    func chance() {
        #expect(Set((0..<100).map { _ in EntryIDs().next(now: self.now) }).count == 100)
    }

    @Test("have a time that fits, whatever the clock shows", arguments: [-1e300, -1, .nan, 1e300])
    func clock(secondsSince1970: TimeInterval) {
        let id = EntryIDs().next(now: Date(timeIntervalSince1970: secondsSince1970))
        #expect(id.hasPrefix(secondsSince1970 == 1e300 ? "ffffffff-ffff-7" : "00000000-0000-7"))
    }
}
