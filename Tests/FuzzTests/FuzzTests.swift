import FuzzTargets
import TestSupport
import Testing

/// A short run of every target, the same each time; `make fuzz` makes inputs by what they reach.
@Suite("whatever the bytes are", .timeLimit(.minutes(1)))
struct FuzzTests {
    @Test("what must hold for a parser holds for inputs that are almost right", arguments: FuzzTarget.names)
    func shortRun(name: String) throws {
        let target = try #require(try FuzzTarget.named(name))
        try #require(!target.seeds.isEmpty)
        var accepted = 0
        for input in target.seeds + Mutations(of: target.seeds, count: 1_500, seed: 1, words: target.dictionary) {
            do {
                if try target.check(input) { accepted += 1 }
            } catch {
                Issue.record("\(name): \(error); the input in base64: \(input.base64)")
                return
            }
        }
        // Were nothing accepted, nothing would be checked.
        #expect(accepted > 0)
    }

    @Test("an input that is longer than a parser takes is refused without much work", arguments: FuzzTarget.names)
    func tooLong(name: String) throws {
        let target = try #require(try FuzzTarget.named(name))
        guard target.maxBytes < .max else { return }
        for byte in [UInt8(ascii: " "), UInt8(ascii: "["), UInt8(ascii: "a"), 0x00, 0x30, 0x80] {
            let padding = [UInt8](repeating: byte, count: target.maxBytes + 1)
            for input in [padding, (target.seeds.first ?? []) + padding] {
                #expect(try !target.check(input), "\(name): too many bytes of \(byte) are accepted")
            }
        }
    }

    @Test("targets have names of their own, and no other names")
    func names() throws {
        #expect(FuzzTarget.names.count == Set(FuzzTarget.names).count)
        #expect(try FuzzTarget.named("none") == nil)
    }
}
