import FoundationEssentials

/// Moments and lifetimes as they are written on the command line and in policy files.
enum MomentText {
    /// Reads an RFC 3339 time, or a duration from `now`, as seconds since 1970.
    static func parse(_ text: String, option: String, now: Date) throws -> Int64 {
        if let duration = DurationText.parse(text) {
            let (seconds, overflow) = now.unixSeconds.addingReportingOverflow(duration.components.seconds)
            if !overflow { return seconds }
        }
        guard text.utf8.count <= 40, let date = try? Date(text, strategy: .iso8601) else {
            throw UsageError("\(option): '\(text)' is neither a time as 2026-12-31T18:00:00Z nor a duration as 8h")
        }
        return date.unixSeconds
    }

    /// Reads a duration in whole seconds.
    static func seconds(_ text: String, option: String) throws -> Int64 {
        guard let duration = DurationText.parse(text), duration.components.attoseconds == 0 else {
            throw UsageError("\(option): '\(text)' is not a duration in whole seconds, as 10m")
        }
        return duration.components.seconds
    }
}

extension Date {
    fileprivate var unixSeconds: Int64 { Int64(self.timeIntervalSince1970.rounded(.down)) }
}
