import Rotation
import TestSupport
import Testing

@Suite("Backoff", .timeLimit(.minutes(1)))
struct BackoffTests {
    /// Chance that always takes off nothing, or almost everything that it may.
    private struct Constant: RandomNumberGenerator {
        let value: UInt64
        mutating func next() -> UInt64 { self.value }
    }

    private func delays(_ backoff: Backoff, _ count: Int, _ generator: some RandomNumberGenerator) -> [Duration] {
        var (backoff, generator) = (backoff, generator)
        return (0..<count).map { _ in backoff.next(using: &generator) }
    }

    @Test("delays double up to the maximum and stay there")
    func grows() {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        let expected = [1, 2, 4, 8, 16, 30, 30].map { Duration.seconds($0) }
        #expect(self.delays(backoff, 7, Constant(value: 0)) == expected)
    }

    @Test("chance shortens a delay by at most the jitter")
    func jitter() throws {
        let backoff = Backoff(initial: .seconds(10), maximum: .seconds(10), jitter: 0.2)
        let shortest = try #require(self.delays(backoff, 1, Constant(value: .max)).first)
        #expect(shortest >= .seconds(8) && shortest < .seconds(8.001))
    }

    @Test("the same seed gives the same delays")
    func seeded() {
        let backoff = Backoff(initial: .seconds(1), maximum: .seconds(8))
        let milliseconds = self.delays(backoff, 5, SeededRandom(seed: 7)).map { ($0 / .milliseconds(1)).rounded() }
        #expect(milliseconds == [922, 1993, 3279, 7067, 7276])
    }

    @Test("a success begins again with the first delay")
    func reset() {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(8), jitter: 0)
        var generator = Constant(value: 0)
        _ = backoff.next(using: &generator)
        _ = backoff.next(using: &generator)
        backoff.reset()
        #expect(backoff.next(using: &generator) == .seconds(1))
    }

    @Test("a factor of 1 keeps the delay; a large one goes to the maximum at once")
    func factors() {
        let constant = Backoff(initial: .seconds(3), maximum: .seconds(9), factor: 1, jitter: 0)
        #expect(self.delays(constant, 3, Constant(value: 0)) == [.seconds(3), .seconds(3), .seconds(3)])
        let steep = Backoff(initial: .seconds(3), maximum: .seconds(9), factor: 1e30, jitter: 0)
        #expect(self.delays(steep, 2, Constant(value: 0)) == [.seconds(3), .seconds(9)])
    }
}
