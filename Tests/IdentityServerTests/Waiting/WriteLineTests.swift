import IdentityServer
import SPIFFE
import Testing

@Suite("the line of writes that wait", .timeLimit(.minutes(1)))
struct WriteLineTests {
    private let one: WriteTurn
    private let two: WriteTurn

    init() throws {
        self.one = .agent(try SPIFFEID(parsing: "spiffe://example.org/spire/agent/join_token/1"))
        self.two = .agent(try SPIFFEID(parsing: "spiffe://example.org/spire/agent/join_token/2"))
    }

    /// A line whose turn is taken and in which these wait, each by its index.
    private final class Line {
        private var line = WriteLine<Int>()

        init(_ turns: [WriteTurn]) {
            #expect(self.arrive(-1, .inLine))
            for (index, turn) in turns.enumerated() { #expect(!self.arrive(index, turn)) }
        }

        func arrive(_ waiter: Int, _ turn: WriteTurn) -> Bool {
            self.line.arrive(UInt64(bitPattern: Int64(waiter)), turn, waiter)
        }

        func leave(_ waiter: Int) -> Int? { self.line.leave(UInt64(bitPattern: Int64(waiter))) }

        func passOn() -> Int? { self.line.passOn() }

        /// Who gets the turn, one after the other, until nobody waits.
        func order() -> [Int] {
            var order: [Int] = []
            while let next = self.passOn() { order.append(next) }
            #expect(self.arrive(-1, .inLine), "the turn is free")
            return order
        }
    }

    @Test("writes take their turns in the order of arrival")
    func arrival() {
        #expect(Line([.inLine, self.one, .inLine, self.two]).order() == [0, 1, 2, 3])
    }

    @Test("a ban goes before all that wait, after the bans before it")
    func urgent() {
        #expect(Line([.inLine, self.one, .next, self.two, .next]).order() == [2, 4, 0, 1, 3])
    }

    @Test("an agent that wants to write much holds others up by one write at a time")
    func flood() {
        let flood = Array(repeating: self.one, count: 4)
        #expect(Line(flood + [self.two, .inLine, self.two]).order() == [0, 4, 5, 1, 6, 2, 3])
    }

    @Test("an agent that comes again after its turn has a place at the end")
    func again() {
        let line = Line([self.one, .inLine])
        #expect(line.passOn() == 0)
        #expect(!line.arrive(7, self.one))
        #expect(!line.arrive(8, .inLine))
        #expect(line.order() == [1, 7, 8])
    }

    @Test("who leaves gets no turn, and leaves once", arguments: 0..<6)
    func leaves(_ waiter: Int) {
        let line = Line([.inLine, self.one, self.one, self.one, .next, self.two])
        #expect(line.leave(waiter) == waiter)
        #expect(line.leave(waiter) == nil)
        #expect(line.order() == [4, 0, 1, 5, 2, 3].filter { $0 != waiter })
    }

    @Test("who has its turn waits no longer")
    func hasTurn() {
        let line = Line([self.one])
        #expect(line.passOn() == 0)
        #expect(line.leave(0) == nil)
    }
}
