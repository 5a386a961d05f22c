import Foundation

/// What a run found.
package struct Report: Sendable, Encodable {
    /// How many cores the machine gives.
    package let cores: Int
    /// How long each rate was measured.
    package let seconds: Double
    package let findings: [Finding]

    package init(cores: Int, seconds: Double, findings: [Finding]) {
        self.cores = cores
        self.seconds = seconds
        self.findings = findings
    }

    package var text: String {
        let rows = self.findings.map { finding in
            [
                finding.figure.rawValue, finding.figure.title, finding.measured, finding.baseline,
                finding.figure.aim.unit.text(finding.value), finding.figure.spire, finding.figure.aim.text,
                finding.isMet ? "yes" : "NO",
            ]
        }
        let table = Table(
            header: ["name", "figure", "measured", "baseline", "value", "SPIRE", "aim", "met"], rows: rows)
        var lines = [table.text, ""]
        for finding in self.findings {
            let remarks = (finding.failing.map { [$0] } ?? []) + finding.notes
            if !remarks.isEmpty { lines.append("\(finding.figure.rawValue): \(remarks.joined(separator: "; "))") }
        }
        let met = self.findings.count { $0.isMet }
        lines += [
            "",
            "\(met) of \(self.findings.count) aims met. \(self.cores) cores; rates over \(self.seconds.text(decimals: 1)) s.",
            "The value of a rate is its cost in signatures: cores x signatures/s of one core / requests/s, client included.",
            "'of it used' is the part of that cost in which the server, the agent or the client ran; the rest is idle or others'.",
        ]
        return lines.joined(separator: "\n")
    }

    package var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}
