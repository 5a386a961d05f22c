import FoundationEssentials

extension Date {
    /// The greatest distance from 1970 that a certificate can express, in seconds: the end of the year 9999.
    static let maxSecondsSince1970: Int64 = 253_402_300_799

    /// The whole second in which this moment lies, brought into the range that certificates can express.
    var wholeSecondsSince1970: Int64 {
        let limit = Double(Self.maxSecondsSince1970)
        return Int64(Swift.min(Swift.max(self.timeIntervalSince1970.rounded(.down), -limit), limit))
    }

    /// The beginning of the second in which this moment lies: what certificates and tokens can say.
    var wholeSecond: Date {
        Date(secondsSince1970: self.wholeSecondsSince1970)
    }

    init(secondsSince1970 seconds: Int64) {
        self.init(timeIntervalSince1970: TimeInterval(seconds))
    }
}

extension Sequence<UInt8> {
    /// The bytes as lower-case hexadecimal digits.
    var hexadecimal: String {
        self.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
