/// Durations as people write them in configuration files: `90s`, `1h30m`, `24h`, `500ms` (Go's form, as SPIRE's files use).
enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Parses `text`; `nil` when it is not a sequence of whole numbers with units, is zero or overflows.
    static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Int64(digits), let scale = Self.units.first(where: { $0.suffix == unit })?.milliseconds
            else {
                return nil
            }
            let (part, overflow) = number.multipliedReportingOverflow(by: scale)
            let (sum, sumOverflow) = total.addingReportingOverflow(part)
            guard !overflow, !sumOverflow else { return nil }
            total = sum
        }
        return total > 0 ? .milliseconds(total) : nil
    }

    /// The shortest form that `parse` reads back.
    static func format(_ duration: Duration) -> String {
        var milliseconds = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        var text = ""
        for (suffix, scale) in Self.units.reversed() where suffix != "d" && milliseconds >= scale {
            text += "\(milliseconds / scale)\(suffix)"
            milliseconds %= scale
        }
        return text.isEmpty ? "0s" : text
    }
}
