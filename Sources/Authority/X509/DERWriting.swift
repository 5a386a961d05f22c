import FoundationEssentials

/// The few forms of DER (X.690) that a certificate is put together from.
enum DERWriting {
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let integer: UInt8 = 0x02
    static let sequence: UInt8 = 0x30
    static let utcTime: UInt8 = 0x17
    static let generalizedTime: UInt8 = 0x18

    /// An element: its tag, the length of its contents and these.
    static func element(_ tag: UInt8, _ contents: [UInt8]...) -> [UInt8] {
        let count = contents.reduce(0) { $0 + $1.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 6)
        bytes.append(tag)
        if count < 0x80 {
            bytes.append(UInt8(count))
        } else {
            let octets = (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }.drop { $0 == 0 }
            bytes.append(0x80 | UInt8(octets.count))
            bytes += octets
        }
        for part in contents { bytes += part }
        return bytes
    }

    /// An INTEGER that is zero or more, of the bytes of its magnitude.
    static func unsignedInteger(_ magnitude: [UInt8]) -> [UInt8] {
        let significant = magnitude.drop { $0 == 0 }
        guard let first = significant.first else { return self.element(self.integer, [0]) }
        return self.element(self.integer, first < 0x80 ? [] : [0], Array(significant))
    }

    /// A Time of RFC 5280 §4.1.2.5: UTCTime from 1950 to 2049, else GeneralizedTime.
    ///
    /// - Parameter date: In whole seconds, of the years 1 to 9999.
    static func time(_ date: Date) -> [UInt8] {
        let seconds = Int(date.timeIntervalSince1970)
        let day = CivilDay(daysSince1970: Int((Double(seconds) / 86_400).rounded(.down)))
        let second = seconds - day.daysSince1970 * 86_400
        var digits: [UInt8] = []
        func append(_ number: Int, width: Int) {
            let text = String(number).utf8
            for _ in text.count..<max(width, text.count) { digits.append(UInt8(ascii: "0")) }
            digits += text
        }
        let isUTCTime = (1_950..<2_050).contains(day.year)
        append(isUTCTime ? day.year % 100 : day.year, width: isUTCTime ? 2 : 4)
        for part in [day.month, day.day, second / 3_600, second / 60 % 60, second % 60] { append(part, width: 2) }
        digits.append(UInt8(ascii: "Z"))
        return self.element(isUTCTime ? self.utcTime : self.generalizedTime, digits)
    }
}

/// A day of the Gregorian calendar.
private struct CivilDay {
    let daysSince1970: Int
    let year: Int
    let month: Int
    let day: Int

    /// Counts in eras of 400 years, whose years begin in March so that the leap day is their last.
    init(daysSince1970: Int) {
        self.daysSince1970 = daysSince1970
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        self.day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        self.month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        self.year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
    }
}
