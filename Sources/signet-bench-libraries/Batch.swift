/// So many times the same thing, so that one of them can be timed.
struct Batch {
    let count: Int

    /// The seconds that one takes.
    func each(_ body: (_ index: Int) throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        for index in 0..<self.count { try body(index) }
        return start.duration(to: .now).seconds / Double(self.count)
    }
}
