import FoundationEssentials
import Logging
import Registration
import Synchronization

/// Logs denied workloads: the same one at `info` once a minute, in between at `debug`.
final class DenialLog: Sendable {
    private static let interval: TimeInterval = 60
    private static let maxRemembered = 1_024

    private let lastLogged = Mutex<[Set<Selector>: Date]>([:])

    /// The level for a denial of a workload with these selectors.
    func level(_ selectors: Set<Selector>, now: Date) -> Logger.Level {
        self.lastLogged.withLock { lastLogged in
            if let last = lastLogged[selectors], now.timeIntervalSince(last) < Self.interval { return .debug }
            if lastLogged.count >= Self.maxRemembered { lastLogged.removeAll() }
            lastLogged[selectors] = now
            return .info
        }
    }
}
