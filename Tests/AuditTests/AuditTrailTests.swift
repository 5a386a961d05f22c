import Audit
import FoundationEssentials
import Glibc
import Logging
import Synchronization
import Testing

@Suite("Audit trails", .timeLimit(.minutes(1)))
struct AuditTrailTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func event(
        _ name: String, second: TimeInterval = 0, peer: String? = "uid:0", kind: AuditEvent.Kind = .accessToken
    ) -> AuditEvent {
        var event = AuditEvent(
            time: AuditEventTests.time.addingTimeInterval(second), decision: .refused, kind: kind, route: "/x",
            peer: peer)
        event.tokenID = name
        return event
    }

    @Test("while one sink fails the other gets everything, and once it works a record says how many are missing")
    func failing() {
        let (failing, working) = (Sink(), Sink())
        let trail = AuditTrail([failing, working], logger: self.logger)
        trail.record(self.event("a"))
        failing.code = ENOSPC
        for name in ["b", "c", "d"] { trail.record(self.event(name)) }
        failing.code = nil
        for name in ["e", "f"] { trail.record(self.event(name)) }
        #expect(working.events.map(\.tokenID) == ["a", "b", "c", "d", "e", "f"])
        #expect(failing.events.map(\.tokenID) == ["a", nil, "e", "f"])
        #expect(failing.events[1].decision == .lost)
        #expect(failing.events[1].count == 3)
    }

    @Test("of refusals without an identity only so many are recorded in a second; how many more there were, after it")
    func anonymous() {
        let sink = Sink()
        let trail = AuditTrail([sink], logger: self.logger)
        for number in 0..<25 { trail.record(self.event("\(number)", peer: nil)) }
        trail.record(self.event("known"))
        trail.record(self.event("later", second: 1))
        let names = (0..<AuditTrail.maxRefusalsPerSecond).map { "\($0)" }
        #expect(sink.events.map(\.tokenID) == names + ["known", nil, "later"])
        var gap = AuditEvent(
            time: AuditEventTests.time.addingTimeInterval(1), decision: .suppressed, kind: .audit, route: "")
        (gap.reason, gap.count) = ("without_identity", 5)
        #expect(sink.events[names.count + 1] == gap)
        #expect(sink.events.filter { $0.decision != .suppressed }.allSatisfy { $0.count == nil })
    }

    @Test("calls that their callers may not make push out nobody's records, whoever makes them")
    func manyCalls() {
        let sink = Sink()
        let trail = AuditTrail([sink], logger: self.logger)
        for index in 0..<(AuditTrail.maxRefusalsPerSecond + 5) { trail.record(self.event("\(index)", kind: .call)) }
        trail.record(self.event("known"))
        #expect(sink.events.count == AuditTrail.maxRefusalsPerSecond + 1)
        #expect(sink.events.last?.tokenID == "known")
    }

    @Test("refusals of peers without an identity hide none of a named one, and are not counted as its")
    func apart() {
        let sink = Sink()
        let trail = AuditTrail([sink], logger: self.logger)
        let banned = "spiffe://example.org/spire/agent/x"
        for index in 0..<520 { trail.record(self.event("\(index)", peer: nil, kind: .call)) }
        trail.record(self.event("banned", peer: banned, kind: .call))
        trail.record(self.event("banned again", second: 1, peer: banned, kind: .call))
        let last = sink.events.suffix(3)
        #expect(last.map(\.tokenID) == ["banned", nil, "banned again"])
        #expect(last.map(\.peer) == [banned, nil, banned])
        #expect(last.map(\.count) == [nil, 500, nil])
    }

    @Test("what was left out of both kinds is said of each, once")
    func gaps() {
        let sink = Sink()
        let trail = AuditTrail([sink], logger: self.logger)
        for _ in 0..<22 { trail.record(self.event("call", kind: .call)) }
        for _ in 0..<23 { trail.record(self.event("stranger", peer: nil)) }
        trail.record(self.event("later", second: 1))
        trail.record(self.event("later still", second: 2))
        let gaps = sink.events.filter { $0.decision == .suppressed }
        #expect(gaps.map(\.reason) == ["without_identity", "calls_not_allowed"])
        #expect(gaps.map(\.count) == [3, 2])
        #expect(sink.events.suffix(2).map(\.tokenID) == ["later", "later still"])
    }

    @Test("where what was left out cannot be recorded either, all of it is missing")
    func lostGap() {
        let sink = Sink()
        let trail = AuditTrail([sink], logger: self.logger)
        for _ in 0..<30 { trail.record(self.event("stranger", peer: nil)) }
        sink.code = ENOSPC
        trail.record(self.event("a", second: 1))
        sink.code = nil
        trail.record(self.event("b", second: 1))
        #expect(sink.events.suffix(2).map(\.decision) == [.lost, .refused])
        #expect(sink.events.suffix(2).map(\.count) == [11, nil])
    }

    @Test("standard output that nobody reads loses lines, and holds up nobody")
    func unreadPipe() throws {
        var ends: [CInt] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer {
            close(reading)
            close(writing)
        }
        let output = StandardOutputAudit(descriptor: writing)
        let line = [UInt8](repeating: 0x61, count: 999) + [0x0A]
        let taken = (0..<200).prefix { _ in output.append(line) == nil }.count
        #expect((1..<200).contains(taken))
        #expect(output.append(line) == EAGAIN)
        var buffer = [UInt8](repeating: 0, count: 1_000_000)
        let count = unsafe read(reading, &buffer, buffer.count)
        #expect(count >= taken * 1_000)
        #expect(output.append(line) == nil)
    }
}

/// Keeps lines, or fails as it is told.
private final class Sink: AuditSink {
    private let state = Mutex<(lines: [[UInt8]], code: Int32?)>(([], nil))

    var code: Int32? {
        get { self.state.withLock { $0.code } }
        set { self.state.withLock { $0.code = newValue } }
    }

    func append(_ line: [UInt8]) -> Int32? {
        self.state.withLock { state in
            guard state.code == nil else { return state.code }
            state.lines.append(line)
            return nil
        }
    }

    var events: [AuditEvent] {
        self.state.withLock { $0.lines }.flatMap { $0.split(separator: 0x0A) }.compactMap(AuditEvent.init(line:))
    }
}
