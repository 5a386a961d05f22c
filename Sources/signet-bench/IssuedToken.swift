package import Foundation

/// An access token that the server issued, as a line of its audit file tells.
package struct IssuedToken: Sendable, Equatable {
    package let time: Date
    package let caller: String
    package let audience: String
    package let scope: String

    package init(time: Date, caller: String, audience: String, scope: String) {
        self.time = time
        self.caller = caller
        self.audience = audience
        self.scope = scope
    }

    /// The access tokens of an audit file, in its order.
    package static func all(in lines: String) throws -> [IssuedToken] {
        struct Record: Decodable {
            let time: String
            let decision: String
            let kind: String
            let sub: String?
            let aud: String?
            let scope: String?
        }
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return try lines.split(separator: "\n").compactMap { line in
            guard line.contains("\"access_token\"") else { return nil }
            let record = try JSONDecoder().decode(Record.self, from: Data(line.utf8))
            guard record.kind == "access_token", record.decision == "issued" else { return nil }
            return IssuedToken(
                time: try Date(record.time, strategy: format), caller: record.sub ?? "", audience: record.aud ?? "",
                scope: record.scope ?? "")
        }
    }

    /// The most tokens that were issued within a second.
    package static func peakPerSecond(_ tokens: [IssuedToken]) -> Int {
        let times = tokens.map(\.time).sorted()
        var first = times.startIndex
        return times.indices.reduce(0) { peak, last in
            while times[last].timeIntervalSince(times[first]) >= 1 { first += 1 }
            return max(peak, last - first + 1)
        }
    }
}
