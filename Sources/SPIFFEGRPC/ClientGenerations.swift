import GRPCNIOTransportHTTP2Posix

/// The connections of a client, one after the other, and the calls that are under way on each.
///
/// Calls begin on the current one. Where that is to be replaced a successor connects beside it, and takes the calls that
/// begin from then on; the one that has retired ends when its last call has.
struct ClientGenerations {
    /// One of the connections: a transport of gRPC's, which connects anew by itself where a connection breaks.
    struct Generation: Sendable {
        let number: Int
        let transport: HTTP2ClientTransport.Posix
        /// Ends when calls begin on it.
        let promotion: AsyncStream<Never>
        /// Ends when calls begin elsewhere.
        let retirement: AsyncStream<Never>
        fileprivate let promote: AsyncStream<Never>.Continuation
        fileprivate let retire: AsyncStream<Never>.Continuation

        init(number: Int, transport: HTTP2ClientTransport.Posix) {
            self.number = number
            self.transport = transport
            (self.promotion, self.promote) = AsyncStream.makeStream()
            (self.retirement, self.retire) = AsyncStream.makeStream()
        }
    }

    private(set) var current: Generation
    private(set) var successor: Generation?
    private(set) var isEnding = false
    private var calls: [Int: Int] = [:]

    init(first: Generation) {
        self.current = first
        first.promote.finish()
    }

    /// Where a call begins.
    mutating func beginCall() -> Generation {
        self.calls[self.current.number, default: 0] += 1
        return self.current
    }

    /// Returns whether nobody needs the generation any more.
    mutating func endCall(on generation: Generation) -> Bool {
        let remaining = (self.calls[generation.number] ?? 1) - 1
        self.calls[generation.number] = remaining > 0 ? remaining : nil
        return remaining == 0 && generation.number < self.current.number
    }

    /// Makes a generation the one that follows, unless there is one already or there will be none.
    mutating func prepare(_ make: (_ number: Int) throws -> Generation) rethrows -> Generation? {
        guard !self.isEnding, self.successor == nil else { return nil }
        let successor = try make(self.current.number + 1)
        self.successor = successor
        return successor
    }

    /// Lets calls begin on the generation that follows, if that is the one with this number.
    ///
    /// - Returns: The generation that has retired, if no call is under way on it.
    mutating func promote(_ number: Int) -> Generation? {
        guard let successor = self.successor, successor.number == number else { return nil }
        let retired = self.current
        self.current = successor
        self.successor = nil
        successor.promote.finish()
        retired.retire.finish()
        return self.calls[retired.number] == nil ? retired : nil
    }

    /// From now on there are no successors.
    ///
    /// - Returns: Those that take calls still.
    mutating func end() -> [Generation] {
        self.isEnding = true
        return [self.current] + (self.successor.map { [$0] } ?? [])
    }
}
