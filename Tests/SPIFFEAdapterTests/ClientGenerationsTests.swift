import SPIFFEGRPC
import Testing

@Suite("The connections of a gRPC client, one after the other")
struct ClientGenerationsTests {
    private typealias Generations = ClientGenerations<String>
    private typealias Generation = Generations.Generation

    private let first = Generation(number: 0, transport: "first")
    private let second = Generation(number: 1, transport: "second")

    @Test("calls begin on the first, also while the second connects, until that is promoted")
    func calls() {
        var generations = Generations(first: self.first)
        var begun = [generations.beginCall().transport]
        let isPrepared = generations.prepare(self.second)
        begun.append(generations.beginCall().transport)
        let promotion = generations.promote(1)
        begun.append(generations.beginCall().transport)
        #expect(isPrepared)
        #expect(promotion?.promoted.transport == "second")
        #expect(begun == ["first", "first", "second"])
        #expect(generations.successor == nil)
    }

    @Test("who retires without calls is needed by nobody")
    func idle() {
        var generations = Generations(first: self.first)
        _ = generations.prepare(self.second)
        let promotion = generations.promote(1)
        #expect(promotion?.retired.transport == "first")
        #expect(promotion?.isIdle == true)
    }

    @Test("who retires with calls is needed until the last of them has ended")
    func busy() {
        var generations = Generations(first: self.first)
        for _ in 1...2 { _ = generations.beginCall() }
        _ = generations.prepare(self.second)
        let promotion = generations.promote(1)
        let isUnneeded = [generations.endCall(on: self.first), generations.endCall(on: self.first)]
        #expect(promotion?.isIdle == false)
        #expect(isUnneeded == [false, true])
    }

    @Test("the current one is needed without calls, too")
    func current() {
        var generations = Generations(first: self.first)
        _ = generations.beginCall()
        let isUnneeded = generations.endCall(on: self.first)
        #expect(!isUnneeded)
    }

    @Test("nobody is promoted who was not prepared, and nobody twice")
    func unprepared() {
        var generations = Generations(first: self.first)
        var promoted = [generations.promote(1) != nil]
        _ = generations.prepare(self.second)
        for number in [0, 2, 1, 1] { promoted.append(generations.promote(number) != nil) }
        #expect(promoted == [false, false, false, true, false])
    }

    @Test("there is one successor at a time, and it follows the current one")
    func oneSuccessor() {
        var generations = Generations(first: self.first)
        let isPrepared = [
            generations.prepare(Generation(number: 0, transport: "again")),
            generations.prepare(Generation(number: 2, transport: "third")), generations.prepare(self.second),
            generations.prepare(Generation(number: 1, transport: "another second")),
        ]
        #expect(isPrepared == [false, false, true, false])
        #expect(generations.successor?.transport == "second")
    }

    @Test("at the end those that take calls are told, and there is no successor any more")
    func end() {
        var generations = Generations(first: self.first)
        let told = generations.end().map(\.transport)
        let isPrepared = generations.prepare(self.second)
        #expect(told == ["first"])
        #expect(generations.isEnding)
        #expect(!isPrepared)
    }

    @Test("at the end a successor that is connecting is told, too")
    func endWithSuccessor() {
        var generations = Generations(first: self.first)
        _ = generations.prepare(self.second)
        let told = generations.end().map(\.transport)
        #expect(told == ["first", "second"])
    }
}
