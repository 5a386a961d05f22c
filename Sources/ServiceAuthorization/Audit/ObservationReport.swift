public import FoundationEssentials
public import SPIFFE
import Synchronization

/// Who would be refused on routes that only observe, by caller: what is left to do before the routes enforce.
///
/// An ``AuditSink``, given to the validator beside the others.
public final class ObservationReport: AuditSink {
    /// The most lines that are kept; calls that would need more are counted in ``Snapshot/unlisted``.
    public static let maxLines = 10_000

    /// One caller on one route, with one outcome.
    public struct Line: Hashable, Sendable {
        /// The TLS peer; nil where there was none.
        public let caller: SPIFFEID?
        public let route: String
        /// ``TokenRefusal/label``: why the call would have been refused; nil when it would have been accepted.
        public let reason: String?
        public let calls: Int
        public let firstAt: Date
        public let lastAt: Date
    }

    /// The report as of one moment.
    public struct Snapshot: Hashable, Sendable {
        /// Sorted by caller, route and reason.
        public let lines: [Line]
        /// How many calls found no room for another line.
        public let unlisted: Int

        /// The callers that would be refused somewhere, sorted.
        public var callersToMigrate: [SPIFFEID] {
            Set(self.lines.filter { $0.reason != nil }.compactMap(\.caller)).sorted()
        }
    }

    private struct Key: Hashable {
        let caller: SPIFFEID?
        let route: String
        let reason: String?

        var sorting: (String, String, String) { (self.caller?.uri ?? "", self.route, self.reason ?? "") }
    }

    private struct Count {
        var calls: Int
        let firstAt: Date
        var lastAt: Date
    }

    private struct State {
        var counts: [Key: Count] = [:]
        var unlisted = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    public convenience init() {
        self.init(maxLines: Self.maxLines)
    }

    package init(maxLines: Int) {
        self.limit = maxLines
    }

    public func record(_ event: AuthorizationEvent) {
        guard event.isOfObservingRoute else { return }
        let key = Key(caller: event.peer, route: event.route, reason: event.reason)
        self.state.withLock { state in
            if var count = state.counts[key] {
                count.calls += 1
                count.lastAt = event.time
                state.counts[key] = count
            } else if state.counts.count < self.limit {
                state.counts[key] = Count(calls: 1, firstAt: event.time, lastAt: event.time)
            } else {
                state.unlisted += 1
            }
        }
    }

    /// What was seen until now.
    public func snapshot() -> Snapshot {
        let state = self.state.withLock { $0 }
        let lines = state.counts.sorted { $0.key.sorting < $1.key.sorting }.map { key, count in
            Line(
                caller: key.caller, route: key.route, reason: key.reason, calls: count.calls, firstAt: count.firstAt,
                lastAt: count.lastAt)
        }
        return Snapshot(lines: lines, unlisted: state.unlisted)
    }
}
