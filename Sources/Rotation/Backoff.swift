/// The delays between attempts at something that keeps failing.
///
/// The first delay is `initial`, each further one `factor` times the one before, up to `maximum`; each is then
/// shortened by a random part of up to `jitter`, so that clients which failed together do not come back together.
public struct Backoff: Sendable, Hashable {
    public let initial: Duration
    public let maximum: Duration
    public let factor: Double
    public let jitter: Double

    private var upcoming: Duration

    /// Creates a backoff before its first failure.
    ///
    /// - Parameters:
    ///   - initial: The first delay; above zero.
    ///   - maximum: The longest delay; at least `initial`.
    ///   - factor: The growth from one delay to the next; at least 1.
    ///   - jitter: The part of a delay that chance may take off; 0 to 1.
    public init(initial: Duration, maximum: Duration, factor: Double = 2, jitter: Double = 0.2) {
        precondition(initial > .zero && maximum >= initial, "delays are above zero and do not shrink")
        precondition(factor >= 1 && factor.isFinite, "the factor is at least 1")
        precondition((0...1).contains(jitter), "the jitter is from 0 to 1")
        self.initial = initial
        self.maximum = maximum
        self.factor = factor
        self.jitter = jitter
        self.upcoming = initial
    }

    /// The delay before the next attempt; from `(1 - jitter) × d` to `d`, never above `maximum`.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let delay = self.upcoming
        // Compared before multiplying: the product of a long delay may not fit a Duration.
        self.upcoming = delay >= self.maximum / self.factor ? self.maximum : delay * self.factor
        return delay * (1 - self.jitter * generator.fraction())
    }

    /// Begins again with `initial`, after a success.
    public mutating func reset() {
        self.upcoming = self.initial
    }
}
