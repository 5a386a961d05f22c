import NIOCore
import PeerTransport
import Testing

@Suite("Windows and rates", .timeLimit(.minutes(1)))
struct FlowControlArithmeticTests {
    @Test("a window is widened once half of it is used")
    func halfUsed() {
        #expect(InboundWindow.increment(current: 51, target: 100, held: 0) == nil)
        #expect(InboundWindow.increment(current: 50, target: 100, held: 0) == 50)
        #expect(InboundWindow.increment(current: 0, target: 100, held: 0) == 100)
    }

    @Test("what the handler has not taken is not granted again")
    func held() {
        #expect(InboundWindow.increment(current: 0, target: 100, held: 100) == nil)
        #expect(InboundWindow.increment(current: 0, target: 100, held: 40) == 60)
        #expect(InboundWindow.increment(current: 0, target: 100, held: 5_000) == nil)
    }

    @Test("a rate is exceeded by one event more than its limit within its window, and forgives after it")
    func rate() {
        let start = NIODeadline.uptimeNanoseconds(1_000)
        var rate = EventRate(limit: 2, window: .nanoseconds(10))
        let moments = [start, start + .nanoseconds(9), start + .nanoseconds(9), start + .nanoseconds(10)]
        #expect(moments.map { rate.record(now: $0) } == [false, false, true, false])
    }
}
