import FoundationEssentials
import Synchronization

/// The moments of log lines: RFC 3339 in UTC, with milliseconds.
enum LogTimestamp {
    /// The second that was written last: many lines share it, and taking a date apart costs more than the rest of a line.
    private static let last = Mutex<(second: Int64, text: String)>((second: .min, text: ""))

    static func text(of date: Date) -> String {
        let milliseconds = Int64((date.timeIntervalSince1970 * 1_000).rounded(.down))
        let second = Int64((Double(milliseconds) / 1_000).rounded(.down))
        let text = Self.last.withLock { last in
            if last.second != second {
                // `2026-11-21T09:36:02Z` without its end.
                let whole = Date(timeIntervalSince1970: Double(second)).formatted(.iso8601)
                last = (second, String(whole.dropLast()))
            }
            return last.text
        }
        let digits = String(milliseconds - second * 1_000)
        return text + "." + String(repeating: "0", count: 3 - digits.utf8.count) + digits + "Z"
    }
}
