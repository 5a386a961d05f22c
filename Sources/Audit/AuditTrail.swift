import FoundationEssentials
import Glibc
package import Logging
import Synchronization

/// Where the lines of records go.
///
/// Called for one line at a time, on the task of the call: it must not wait.
package protocol AuditSink: Sendable {
    /// - Parameter line: With its line break.
    /// - Returns: The error number when nothing of it was taken, else nil.
    func append(_ line: [UInt8]) -> Int32?
}

extension RotatingFile: AuditSink {
    package func append(_ line: [UInt8]) -> Int32? {
        switch self.append(line) as Outcome {
        case .written: nil
        case .failed(let code): code
        }
    }
}

/// The records of a control plane, on their way to where they are kept.
///
/// A record that cannot be written stops nothing: identities are worth more than the record of them. It is counted, the
/// log says so once, and the first record that can be written again is preceded by one that says how many are missing.
/// What peers without an identity are refused is recorded only so often in a second, and so are calls of methods that
/// their callers, who have one, may not call: these cannot push out the records of others, nor each other's. How many were
/// left out says a record of its own, before the next one of a later second.
package final class AuditTrail: Sendable {
    /// The most refusals of each of these two kinds that are recorded in one second.
    package static let maxRefusalsPerSecond = 20

    fileprivate struct Lane {
        let sink: any AuditSink
        var lost: UInt64 = 0
    }

    /// How many refusals of one kind are recorded.
    fileprivate struct Budget {
        /// What the record says of those that were left out.
        let reason: String
        var second: Int64 = 0
        var recorded = 0
        var suppressed: UInt64 = 0
    }

    fileprivate struct State {
        var lanes: [Lane]
        var strangers = Budget(reason: "without_identity")
        var calls = Budget(reason: "calls_not_allowed")
    }

    /// What the log has to hear.
    fileprivate enum Notice {
        case failing(code: Int32)
        case working(lost: UInt64)
    }

    private let state: Mutex<State>
    private let logger: Logger

    package init(_ sinks: [any AuditSink], logger: Logger) {
        self.state = Mutex(State(lanes: sinks.map { Lane(sink: $0) }))
        self.logger = logger
    }

    package func record(_ event: AuditEvent) {
        let notices = self.state.withLock { state in
            state.admitted(event).flatMap { state.append($0) }
        }
        for notice in notices {
            switch notice {
            case .failing(let code):
                let reason = unsafe String(cString: strerror(code))
                self.logger.error("audit records cannot be written", metadata: ["error": "\(reason)"])
            case .working(let lost):
                self.logger.warning("audit records are written again", metadata: ["lost": "\(lost)"])
            }
        }
    }
}

extension AuditTrail.Budget {
    /// What was left out before this second, as a record.
    fileprivate mutating func gap(before second: Int64, at time: Date) -> AuditEvent? {
        guard second != self.second, self.suppressed > 0 else { return nil }
        defer { self.suppressed = 0 }
        var gap = AuditEvent(time: time, decision: .suppressed, kind: .audit, route: "")
        gap.reason = self.reason
        gap.count = self.suppressed
        return gap
    }

    /// Whether one more may be recorded in this second; one that may not is counted.
    fileprivate mutating func admits(_ second: Int64) -> Bool {
        if second != self.second { (self.second, self.recorded) = (second, 0) }
        guard self.recorded < AuditTrail.maxRefusalsPerSecond else {
            self.suppressed += 1
            return false
        }
        self.recorded += 1
        return true
    }
}

extension AuditTrail.State {
    /// What is recorded: what was left out until now, where that is over, and the event, if it is not one too many.
    fileprivate mutating func admitted(_ event: AuditEvent) -> [AuditEvent] {
        let second = Int64(event.time.timeIntervalSince1970.rounded(.down))
        let gaps = [
            self.strangers.gap(before: second, at: event.time), self.calls.gap(before: second, at: event.time),
        ]
        let isAdmitted =
            switch (event.decision, event.peer, event.kind) {
            case (.refused, nil, _): self.strangers.admits(second)
            case (.refused, _, .call): self.calls.admits(second)
            default: true
            }
        return gaps.compactMap(\.self) + (isAdmitted ? [event] : [])
    }

    fileprivate mutating func append(_ event: AuditEvent) -> [AuditTrail.Notice] {
        let line = event.line
        var notices: [AuditTrail.Notice] = []
        for index in self.lanes.indices {
            let lost = self.lanes[index].lost
            var lines = line
            if lost > 0 {
                var gap = AuditEvent(time: event.time, decision: .lost, kind: .audit, route: "")
                gap.count = lost
                lines = gap.line + line
            }
            if let code = self.lanes[index].sink.append(lines) {
                if lost == 0 { notices.append(.failing(code: code)) }
                // One that stands for others is as many as they.
                self.lanes[index].lost = lost + (event.count ?? 1)
            } else if lost > 0 {
                notices.append(.working(lost: lost))
                self.lanes[index].lost = 0
            }
        }
        return notices
    }
}
