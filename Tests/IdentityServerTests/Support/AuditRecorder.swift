import Audit
import Synchronization

/// Keeps the records that a control plane makes, as they come back from their lines.
final class AuditRecorder: AuditSink {
    private let lines = Mutex<[[UInt8]]>([])

    func append(_ line: [UInt8]) -> Int32? {
        self.lines.withLock { $0.append(line) }
        return nil
    }

    var events: [AuditEvent] { self.lines.withLock { $0 }.compactMap(AuditEvent.init(line:)) }
    var bytes: [UInt8] { self.lines.withLock { Array($0.joined()) } }
}
