/// Inputs for parsers that are almost right: bytes changed, removed, repeated and spliced, and words put among them; the
/// same in every run.
package struct Mutations: Sequence, IteratorProtocol {
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]
    private let count: Int
    private var made = 0
    private var random: SeededRandom

    /// Creates `count` mutations of `seeds`, which are at least one.
    ///
    /// - Parameter words: Texts to put in the place of others. Default: none.
    package init(of seeds: [[UInt8]], count: Int, seed: UInt64, words: [String] = []) {
        precondition(!seeds.isEmpty)
        self.seeds = seeds
        self.words = words.map { Array($0.utf8) }
        self.count = count
        self.random = SeededRandom(seed: seed)
    }

    package mutating func next() -> [UInt8]? {
        guard self.made < self.count else { return nil }
        self.made += 1
        var bytes = self.seeds[self.made % self.seeds.count]
        for _ in 0...Int.random(in: 0...3, using: &self.random) { self.mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let position = Int.random(in: 0...bytes.count, using: &self.random)
        switch Int.random(in: 0..<(self.words.isEmpty ? 6 : 8), using: &self.random) {
        case 0 where position < bytes.count:
            bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &self.random)
        case 1 where position < bytes.count:
            bytes[position] = UInt8.random(in: 0...255, using: &self.random)
        case 2:
            bytes.removeSubrange(
                position..<Swift.min(bytes.count, position + Int.random(in: 0...8, using: &self.random)))
        case 3:
            bytes.insert(UInt8.random(in: 0...255, using: &self.random), at: position)
        case 4:
            let length = Int.random(in: 0...16, using: &self.random)
            bytes.insert(contentsOf: bytes[position..<Swift.min(bytes.count, position + length)], at: position)
        case 6, 7:
            let replaced = position..<Swift.min(bytes.count, position + Int.random(in: 0...8, using: &self.random))
            bytes.replaceSubrange(replaced, with: self.words[Int.random(in: 0..<self.words.count, using: &self.random)])
        default:
            let other = self.seeds[Int.random(in: 0..<self.seeds.count, using: &self.random)]
            bytes = Array(bytes[..<position]) + other.dropFirst(Int.random(in: 0...other.count, using: &self.random))
        }
    }
}
