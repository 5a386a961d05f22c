package import FoundationEssentials

extension Date {
    /// The second this instant lies in; the wire and the stores count whole seconds.
    package var wholeSeconds: Date { Date(unixSeconds: self.unixSeconds) }

    package init(unixSeconds: Int64) { self.init(timeIntervalSince1970: Double(unixSeconds)) }

    /// Whole seconds since 1970, rounded down and held within the years 1 to 9999.
    package var unixSeconds: Int64 {
        Int64(min(max(self.timeIntervalSince1970, -62_135_596_800), 253_402_300_799).rounded(.down))
    }
}
