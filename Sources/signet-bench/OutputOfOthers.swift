/// What a tool printed is not what was expected of it.
package struct UnreadableOutput: Error, Equatable, CustomStringConvertible {
    package let tool: String
    package let reason: String

    package init(tool: String, reason: String) {
        self.tool = tool
        self.reason = reason
    }

    package var description: String { "\(self.tool): \(self.reason)" }
}

/// What `h2load` says of a run.
package struct H2LoadSummary: Sendable, Equatable {
    /// Requests answered in the measured time, and how many a second that were.
    package let requests: Int
    package let requestsPerSecond: Double
    /// The bytes of all DATA frames.
    package let dataBytes: Int

    /// Reads the summary.
    ///
    /// - Throws: ``UnreadableOutput`` when it is not there, or when any request failed.
    package init(parsing output: String) throws(UnreadableOutput) {
        func refuse(_ reason: String) -> UnreadableOutput { UnreadableOutput(tool: "h2load", reason: reason) }
        guard
            let finished = output.firstMatch(of: #/finished in [^,]+, ([0-9.]+) req/s/#),
            let rate = Double(finished.output.1),
            let counts = output.firstMatch(
                of: #/([0-9]+) done, ([0-9]+) succeeded, ([0-9]+) failed, ([0-9]+) errored, ([0-9]+) timeout/#),
            let done = Int(counts.output.1),
            let data = output.firstMatch(of: #/\(([0-9]+)\) data/#),
            let dataBytes = Int(data.output.1)
        else { throw refuse("no summary in its output: \(output.suffix(400))") }
        guard counts.output.2 == counts.output.1, counts.output.3 == "0", counts.output.4 == "0",
            counts.output.5 == "0", done > 0
        else { throw refuse("requests failed: \(counts.output.0)") }
        self.requests = done
        self.requestsPerSecond = rate
        self.dataBytes = dataBytes
    }

    /// Whether the answers were as long as a good one.
    ///
    /// gRPC's refusals are HTTP status 200 without a message, which h2load counts as successes. Signatures vary in
    /// length by a few bytes.
    package func isAnsweredInFull(responseBytes: Int) -> Bool {
        let frameHeaderBytes = 5
        return Double(self.dataBytes) >= 0.98 * Double(self.requests) * Double(frameHeaderBytes + responseBytes)
    }
}

/// What the machine itself does.
package enum Baseline {
    /// The signatures a second of `openssl speed ecdsap256`.
    package static func signaturesPerSecond(openssl output: String) throws(UnreadableOutput) -> Double {
        guard let line = output.split(whereSeparator: \.isNewline).last(where: { $0.contains("(nistp256)") }),
            let rate = line.split(separator: " ").dropLast().last.flatMap({ Double($0) }), rate > 0
        else { throw UnreadableOutput(tool: "openssl speed", reason: "no rate of nistp256: \(output.suffix(400))") }
        return rate
    }

    /// The milliseconds that each of `writes` took, from the last line of `dd oflag=dsync`.
    package static func syncMilliseconds(dd output: String, writes: Int) throws(UnreadableOutput) -> Double {
        guard let match = output.firstMatch(of: #/copied, ([0-9.e-]+) s,/#), let seconds = Double(match.output.1)
        else { throw UnreadableOutput(tool: "dd", reason: "no time: \(output.suffix(400))") }
        return seconds * 1_000 / Double(writes)
    }
}

/// Order statistics of what was measured.
package enum Statistics {
    /// The smallest value that at least `share` of the values do not exceed; `values` has at least one.
    package static func percentile(_ share: Double, of values: [Double]) -> Double {
        let sorted = values.sorted()
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// The middle value, or the mean of the two in the middle; `values` has at least one.
    package static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
