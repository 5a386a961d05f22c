import Crypto

/// So many times the same thing, so that one of them can be timed.
struct Batch {
    let count: Int

    /// The seconds that one takes.
    func each(_ body: (_ index: Int) throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        for index in 0..<self.count { try body(index) }
        return start.duration(to: .now).seconds / Double(self.count)
    }

    /// The seconds that a raw P-256 signature takes, which other measurements are held against.
    func signatures() throws -> Double {
        let key = P256.Signing.PrivateKey()
        // As long as what is signed of a token.
        let input = [UInt8](repeating: 7, count: 400)
        return try self.each { _ in _ = try key.signature(for: input) }
    }
}
