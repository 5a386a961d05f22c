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
/// their callers may not call: these cannot push out the records of others.
package final class AuditTrail: Sendable {
    /// The most such refusals that are recorded in one second; the next record counts the rest.
    package static let maxStrangersPerSecond = 20

    fileprivate struct Lane {
        let sink: any AuditSink
        var lost: UInt64 = 0
    }

    fileprivate struct State {
        var lanes: [Lane]
        var second: Int64 = 0
        var strangers = 0
        var suppressed: UInt64 = 0
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
        let notices = self.state.withLock { state -> [Notice] in
            guard let event = state.admitted(event) else { return [] }
            return state.append(event)
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

extension AuditTrail.State {
    /// The event as it is recorded; nil for one too many of peers who have no business here.
    fileprivate mutating func admitted(_ event: AuditEvent) -> AuditEvent? {
        guard event.decision == .refused, event.peer == nil || event.kind == .call else { return event }
        let second = Int64(event.time.timeIntervalSince1970.rounded(.down))
        if second != self.second { (self.second, self.strangers) = (second, 0) }
        guard self.strangers < AuditTrail.maxStrangersPerSecond else {
            self.suppressed += 1
            return nil
        }
        self.strangers += 1
        guard self.suppressed > 0 else { return event }
        var event = event
        event.count = self.suppressed + 1
        self.suppressed = 0
        return event
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
                self.lanes[index].lost = lost + 1
            } else if lost > 0 {
                notices.append(.working(lost: lost))
                self.lanes[index].lost = 0
            }
        }
        return notices
    }
}
