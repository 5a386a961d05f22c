/// The connections of a client, one after the other, and the calls that are under way on each.
///
/// Calls begin on the current one. Where that is to be replaced a successor connects beside it, and takes the calls that
/// begin from when a server has accepted it; the one that has retired ends when its last call has.
package struct ClientGenerations<Transport: Sendable>: Sendable {
    /// One of the connections: a transport of gRPC's, which connects anew by itself where a connection breaks.
    package struct Generation: Sendable {
        package let number: Int
        package let transport: Transport
        /// Ends when calls begin on it.
        let promotion: AsyncStream<Never>
        /// Ends when calls begin elsewhere.
        let retirement: AsyncStream<Never>
        fileprivate let promote: AsyncStream<Never>.Continuation
        fileprivate let retire: AsyncStream<Never>.Continuation

        package init(number: Int, transport: Transport) {
            self.number = number
            self.transport = transport
            (self.promotion, self.promote) = AsyncStream.makeStream()
            (self.retirement, self.retire) = AsyncStream.makeStream()
        }
    }

    /// What has changed with a promotion: the streams of both are to be ended.
    package struct Promotion: Sendable {
        /// The one on which calls begin from now on.
        package let promoted: Generation
        /// The one on which no call begins any more.
        package let retired: Generation
        /// Whether no call is under way on the retired one.
        package let isIdle: Bool

        /// Tells those who wait for it.
        func announce() {
            self.promoted.promote.finish()
            self.retired.retire.finish()
        }
    }

    package private(set) var current: Generation
    package private(set) var successor: Generation?
    package private(set) var isEnding = false
    private var calls: [Int: Int] = [:]

    package init(first: Generation) {
        self.current = first
        first.promote.finish()
    }

    /// Where a call begins.
    package mutating func beginCall() -> Generation {
        self.calls[self.current.number, default: 0] += 1
        return self.current
    }

    /// Returns whether nobody needs the generation any more.
    package mutating func endCall(on generation: Generation) -> Bool {
        let remaining = (self.calls[generation.number] ?? 1) - 1
        self.calls[generation.number] = remaining > 0 ? remaining : nil
        return remaining == 0 && generation.number < self.current.number
    }

    /// Makes a generation the one that follows the current one, unless there is one already or there will be none.
    ///
    /// - Returns: Whether it is the one.
    package mutating func prepare(_ next: Generation) -> Bool {
        guard !self.isEnding, self.successor == nil, next.number == self.current.number + 1 else { return false }
        self.successor = next
        return true
    }

    /// Lets calls begin on the generation that follows, if that is the one with this number.
    package mutating func promote(_ number: Int) -> Promotion? {
        guard let successor = self.successor, successor.number == number else { return nil }
        let retired = self.current
        self.current = successor
        self.successor = nil
        return Promotion(promoted: successor, retired: retired, isIdle: self.calls[retired.number] == nil)
    }

    /// From now on there are no successors.
    ///
    /// - Returns: Those that take calls still.
    package mutating func end() -> [Generation] {
        self.isEnding = true
        return [self.current] + (self.successor.map { [$0] } ?? [])
    }
}
