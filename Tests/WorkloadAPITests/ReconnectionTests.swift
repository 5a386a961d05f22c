import Rotation
import TestSupport
import Testing
import WorkloadAPI

@Suite("When a stream has ended", .timeLimit(.minutes(1)))
struct ReconnectionTests {
    var reconnection = Reconnection()
    var random = SeededRandom(seed: 7)
    /// The delays that the same chance gives a backoff from 1 s to 30 s.
    var expected: [Duration] = []

    init() {
        var random = SeededRandom(seed: 7)
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        self.expected = (0..<10).map { _ in backoff.next(using: &random) }
    }

    private mutating func ended(
        _ error: WorkloadAPIError, after life: Duration = .seconds(60), received: Bool
    ) -> Reconnection.Action {
        self.reconnection.streamEnded(error, after: life, receivedMessage: received, using: &self.random)
    }

    @Test("WAPI-07: a stream that worked is opened again at once")
    mutating func atOnce() {
        #expect(self.ended(.unavailable("gone"), received: true) == .openAgain(after: .zero))
        #expect(self.ended(.unavailable("gone"), received: true) == .openAgain(after: .zero))
    }

    @Test("WEP-24, WAPI-28: failures wait from 1 s to 30 s, each shortened by chance")
    mutating func backoff() {
        for (index, delay) in self.expected.enumerated() {
            #expect(self.ended(.unavailable("gone"), received: false) == .openAgain(after: delay), "failure \(index)")
        }
        #expect(self.expected[0] <= .seconds(1) && self.expected[0] >= .milliseconds(800))
        #expect(self.expected[9] <= .seconds(30) && self.expected[9] >= .seconds(24))
    }

    @Test("WEP-24: a message begins the delays anew")
    mutating func reset() {
        for _ in 1...8 { _ = self.ended(.unavailable("gone"), received: false) }
        #expect(self.ended(.unavailable("gone"), received: true) == .openAgain(after: .zero))
        guard case .openAgain(let delay) = self.ended(.unavailable("gone"), received: false) else {
            Issue.record("gave up")
            return
        }
        #expect(delay <= .seconds(1))
    }

    @Test("a server that ends each stream after its first message is asked about once a second")
    mutating func circle() {
        #expect(self.ended(.unavailable("gone"), after: .zero, received: true) == .openAgain(after: .zero))
        for _ in 1...3 {
            guard case .openAgain(let delay) = self.ended(.unavailable("gone"), after: .zero, received: true) else {
                Issue.record("gave up")
                return
            }
            #expect(delay >= .milliseconds(800) && delay <= .seconds(1))
        }
        #expect(self.ended(.unavailable("gone"), after: .seconds(1), received: true) == .openAgain(after: .zero))
    }

    @Test("WAPI-28: a denied stream waits even when it worked before")
    mutating func denied() {
        #expect(self.ended(.permissionDenied("no"), received: true) == .openAgain(after: self.expected[0]))
        #expect(self.ended(.permissionDenied("no"), received: false) == .openAgain(after: self.expected[1]))
    }

    @Test(
        "WEP-22, WEP-27, WAPI-55: INVALID_ARGUMENT and UNIMPLEMENTED are not retried",
        arguments: [.invalidArgument("no"), .unimplemented("no")] as [WorkloadAPIError])
    func notRetried(_ error: WorkloadAPIError) {
        var reconnection = Reconnection()
        var random = SeededRandom(seed: 7)
        for received in [true, false] {
            let action = reconnection.streamEnded(
                error, after: .seconds(60), receivedMessage: received, using: &random)
            #expect(action == .giveUp)
        }
    }
}
