package import FoundationEssentials

extension Date {
    /// A moment as messages have it, in seconds since 1970; nil for what is before that or after the year 9999.
    ///
    /// Whatever is taken can be written again as it was read.
    package init?(wireSeconds seconds: Int64) {
        guard (0...253_402_300_799).contains(seconds) else { return nil }
        self.init(timeIntervalSince1970: Double(seconds))
    }
}
