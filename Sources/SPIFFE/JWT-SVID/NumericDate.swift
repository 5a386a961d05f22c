import FoundationEssentials
import JOSE

/// A moment as RFC 7519 §2 writes it: seconds since 1970, with or without fraction.
enum NumericDate {
    /// 9999-12-31T23:59:59Z; nothing that formats or compares dates has to think about later ones.
    private static let latest = 253_402_300_799.0

    /// Reads a claim; nil when it is no number from 0 to the end of the year 9999.
    static func date(_ value: JSONValue) -> Date? {
        guard let seconds = value.number?.double, (0...self.latest).contains(seconds) else { return nil }
        return Date(timeIntervalSince1970: seconds)
    }
}
