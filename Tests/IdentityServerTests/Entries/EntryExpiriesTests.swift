import FoundationEssentials
import IdentityServer
import TestSupport
import Testing

@Suite("which entries have expired", .timeLimit(.minutes(1)))
struct EntryExpiriesTests {
    private func moment(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }

    private func expiries(_ seconds: [String: Int]) -> Tested {
        let expiries = Tested()
        for (id, second) in seconds { expiries.set(self.moment(second), for: id) }
        return expiries
    }

    /// Expiries by reference, for an expectation cannot change a value.
    private final class Tested {
        private var value = EntryExpiries()

        var isEmpty: Bool { self.value.isEmpty }
        var expiredIDs: [String] { self.value.expiredIDs.sorted() }
        func hasExpired(_ id: String) -> Bool { self.value.hasExpired(id) }
        func set(_ date: Date?, for id: String) { self.value.set(date, for: id) }
        func next() -> Date? { self.value.next() }
        func look() -> [String] { self.value.look() }
        func follow(_ now: Date) -> [[String]] {
            let (expired, revived) = self.value.follow(now: now)
            return [expired, revived]
        }
    }

    @Test("an entry expires at its moment, once")
    func expires() {
        let expiries = self.expiries(["a": 10, "b": 20, "c": 20])
        #expect(expiries.next() == self.moment(10))
        #expect(expiries.follow(self.moment(9))[0] == [])
        #expect(expiries.follow(self.moment(10))[0] == ["a"])
        #expect(expiries.hasExpired("a"))
        #expect(!expiries.hasExpired("b"))
        #expect(expiries.next() == self.moment(20))
        #expect(expiries.follow(self.moment(25))[0].sorted() == ["b", "c"])
        #expect(expiries.next() == nil)
        #expect(expiries.follow(self.moment(30)) == [[], []])
    }

    @Test("a clock that is set back revives what it had expired, and expires it again")
    func revived() {
        let expiries = self.expiries(["a": 10, "b": 20])
        #expect(expiries.follow(self.moment(3_600))[0] == ["a", "b"])
        #expect(expiries.follow(self.moment(15)) == [[], ["b"]])
        #expect(!expiries.hasExpired("b"))
        #expect(expiries.next() == self.moment(20))
        #expect(expiries.follow(self.moment(20)) == [["b"], []])
    }

    @Test("an expired entry is to be deleted from the sixth look on, until it is")
    func looks() {
        let expiries = self.expiries(["a": 10, "b": 20])
        _ = expiries.follow(self.moment(10))
        for _ in 0..<5 { #expect(expiries.look() == []) }
        #expect(expiries.look() == ["a"])
        _ = expiries.follow(self.moment(20))
        #expect(expiries.look() == ["a"])
        expiries.set(nil, for: "a")
        #expect(expiries.expiredIDs == ["b"])
        for _ in 0..<4 { #expect(expiries.look() == []) }
        #expect(expiries.look() == ["b"])
    }

    @Test("an entry that was revived is looked at from the beginning")
    func looksAfterRevival() {
        let expiries = self.expiries(["a": 10])
        _ = expiries.follow(self.moment(10))
        for _ in 0..<5 { _ = expiries.look() }
        _ = expiries.follow(self.moment(0))
        #expect(expiries.look() == [])
        _ = expiries.follow(self.moment(10))
        for _ in 0..<5 { #expect(expiries.look() == []) }
        #expect(expiries.look() == ["a"])
    }

    @Test("an expiry that is moved or taken away counts as it is now")
    func moved() {
        let expiries = self.expiries(["a": 10, "b": 20, "c": 30])
        expiries.set(self.moment(40), for: "a")
        expiries.set(nil, for: "b")
        #expect(expiries.follow(self.moment(30))[0] == ["c"])
        expiries.set(self.moment(50), for: "c")
        #expect(!expiries.hasExpired("c"))
        #expect(expiries.follow(self.moment(60))[0] == ["a", "c"])
        expiries.set(nil, for: "a")
        expiries.set(nil, for: "c")
        #expect(expiries.isEmpty)
        #expect(expiries.expiredIDs.isEmpty)
    }

    @Test("whatever is set and moved, entries expire in the order of their moments")
    func random() {
        var generator = SeededRandom(seed: 7)
        let expiries = Tested()
        var dates: [String: Int] = [:]
        for _ in 0..<5_000 {
            let id = "\(Int.random(in: 0..<100, using: &generator))"
            let second = Int.random(in: 0..<1_000, using: &generator)
            dates[id] = second < 100 ? nil : second
            expiries.set(dates[id].map(self.moment), for: id)
        }
        var order: [Int] = []
        while let next = expiries.next() {
            order += expiries.follow(next)[0].compactMap { dates[$0] }
        }
        #expect(order == dates.values.sorted())
    }
}
