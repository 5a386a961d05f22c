import FoundationEssentials
import Rotation
import TestSupport
import Testing

@Suite("Rotation schedule", .timeLimit(.minutes(1)))
struct RotationScheduleTests {
    private static let day: TimeInterval = 86_400
    private let notBefore = Date(timeIntervalSince1970: 1_000_000)

    @Test(
        "an SVID is renewed at half its life, moved by the jitter",
        arguments: [(0, 1_800), (0.1, 2_160), (-0.1, 1_440), (0.5, 2_160), (-7, 1_440)])
    func renewal(jitter: Double, expected: TimeInterval) {
        let renewal = RotationSchedule.renewal(
            issuedAt: self.notBefore, notBefore: self.notBefore, notAfter: self.notBefore + 3_600, jitter: jitter)
        #expect(renewal == self.notBefore + expected)
    }

    @Test(
        "half its life counts from when it was issued, not from its backdated beginning",
        arguments: [(10, 13), (0, 8), (-5, 8), (16, 16), (20, 16)])
    func renewalOfBackdated(issuedAfter: TimeInterval, expected: TimeInterval) {
        let renewal = RotationSchedule.renewal(
            issuedAt: self.notBefore + issuedAfter, notBefore: self.notBefore, notAfter: self.notBefore + 16, jitter: 0)
        #expect(renewal == self.notBefore + expected)
    }

    @Test("chance moves a renewal evenly within a tenth of the lifetime, either way")
    func renewalByChance() {
        var random = SeededRandom(seed: 1)
        var tenths = [Int](repeating: 0, count: 10)
        for _ in 0..<1_000 {
            let offset = self.renewal(using: &random) - 1_440
            guard (0..<720).contains(offset) else {
                Issue.record("a renewal \(offset) seconds after the earliest")
                continue
            }
            tenths[Int(offset / 72)] += 1
        }
        #expect(tenths.allSatisfy { (60...140).contains($0) }, "\(tenths)")
    }

    @Test(
        "the moment of a renewal follows the generator",
        arguments: [(0, 1_440), (1 << 62, 1_620), (1 << 63, 1_800), (3 << 62, 1_980)] as [(UInt64, TimeInterval)])
    func renewalByGenerator(number: UInt64, expected: TimeInterval) {
        var generator = Constant(number: number)
        #expect(abs(self.renewal(using: &generator) - expected) < 0.001)
    }

    private struct Constant: RandomNumberGenerator {
        let number: UInt64
        mutating func next() -> UInt64 { self.number }
    }

    /// When an SVID of an hour is renewed, in seconds after its issue.
    private func renewal(using generator: inout some RandomNumberGenerator) -> TimeInterval {
        let renewal = RotationSchedule.renewal(
            issuedAt: self.notBefore, notBefore: self.notBefore, notAfter: self.notBefore + 3_600, using: &generator)
        return renewal.timeIntervalSince(self.notBefore)
    }

    @Test(
        "a successor is prepared at half life, at most 30 days before the end",
        arguments: [(1, 0.5), (60, 30), (365, 335)])
    func preparation(lifetimeDays: Double, expectedDays: Double) {
        let preparation = RotationSchedule.preparation(
            notBefore: self.notBefore, notAfter: self.notBefore + lifetimeDays * Self.day)
        #expect(preparation == self.notBefore + expectedDays * Self.day)
    }

    @Test(
        "a successor is activated a sixth of the life before the end, at most 7 days",
        arguments: [(6, 5), (42, 35), (365, 358)])
    func activation(lifetimeDays: Double, expectedDays: Double) {
        let activation = RotationSchedule.activation(
            notBefore: self.notBefore, notAfter: self.notBefore + lifetimeDays * Self.day)
        #expect(activation == self.notBefore + expectedDays * Self.day)
    }

    @Test(
        "an authority guarantees a sixth of its life, at most 7 days",
        arguments: [(86_400, 14_400), (365 * 86_400, 604_800), (0, 0)])
    func guaranteed(authoritySeconds: Int, expected: Int) {
        let lifetime = RotationSchedule.guaranteedLifetime(authorityLifetime: .seconds(authoritySeconds))
        #expect(lifetime == .seconds(expected))
    }

    @Test("a period that ends before it begins is due at its end")
    func inverted() {
        let notAfter = self.notBefore - 60
        #expect(
            RotationSchedule.renewal(
                issuedAt: self.notBefore, notBefore: self.notBefore, notAfter: notAfter, jitter: 0.1) == notAfter)
        #expect(RotationSchedule.preparation(notBefore: self.notBefore, notAfter: notAfter) == notAfter)
        #expect(RotationSchedule.activation(notBefore: self.notBefore, notAfter: notAfter) == notAfter)
    }

    @Test("what an authority guarantees fits between activation of its successor and its end")
    func consistent() {
        for hours in [1, 24, 24 * 41, 24 * 43, 24 * 3_650] as [Double] {
            let notAfter = self.notBefore + hours * 3_600
            let left = notAfter.timeIntervalSince(
                RotationSchedule.activation(notBefore: self.notBefore, notAfter: notAfter))
            let guaranteed = RotationSchedule.guaranteedLifetime(authorityLifetime: .seconds(hours * 3_600))
            #expect(abs(left - guaranteed / .seconds(1)) < 0.001)
        }
    }
}
