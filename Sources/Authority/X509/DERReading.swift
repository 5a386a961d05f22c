import FoundationEssentials

/// Reads DER (X.690) element by element from its beginning to its end, without copying.
struct DERReading {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    var isAtEnd: Bool { self.rest.isEmpty }

    /// Whether what comes next is exactly this, one or more whole elements, which are then passed.
    mutating func take(_ elements: [UInt8]) -> Bool {
        guard self.rest.starts(with: elements) else { return false }
        self.rest = self.rest.dropFirst(elements.count)
        return true
    }

    /// The contents of the next element; nil when it has another tag, or a length that DER does not write so.
    mutating func contents(of tag: UInt8) -> ArraySlice<UInt8>? {
        var bytes = self.rest
        guard bytes.popFirst() == tag, let first = bytes.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            let octets = bytes.prefix(Int(first & 0x7F))
            guard (1...4).contains(octets.count), octets.first != 0 else { return nil }
            length = octets.reduce(0) { $0 << 8 | Int($1) }
            guard length >= 0x80 else { return nil }
            bytes = bytes.dropFirst(octets.count)
        }
        guard bytes.count >= length else { return nil }
        self.rest = bytes.dropFirst(length)
        return bytes.prefix(length)
    }

    /// Passes the next element, to read what is in it.
    mutating func enter(_ tag: UInt8) -> DERReading? {
        self.contents(of: tag).map(DERReading.init)
    }

    /// A Time of RFC 5280 §4.1.2.5; nil where that is written otherwise.
    mutating func time() -> Date? {
        if let digits = self.contents(of: DERWriting.utcTime) {
            guard let fields = Self.timeFields(digits, yearDigits: 2) else { return nil }
            return Self.date(year: fields[0] + (fields[0] < 50 ? 2_000 : 1_900), fields)
        }
        guard let digits = self.contents(of: DERWriting.generalizedTime),
            let fields = Self.timeFields(digits, yearDigits: 4), !(1_950..<2_050).contains(fields[0])
        else { return nil }
        return Self.date(year: fields[0], fields)
    }

    /// Year, month, day, hour, minute and second before a `Z`.
    private static func timeFields(_ digits: ArraySlice<UInt8>, yearDigits: Int) -> [Int]? {
        guard digits.count == yearDigits + 11, digits.last == UInt8(ascii: "Z") else { return nil }
        var rest = digits.dropLast()
        var fields: [Int] = []
        for width in [yearDigits, 2, 2, 2, 2, 2] {
            var number = 0
            for digit in rest.prefix(width) {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                number = number * 10 + Int(digit - UInt8(ascii: "0"))
            }
            fields.append(number)
            rest = rest.dropFirst(width)
        }
        return fields
    }

    /// Adds up the days of the years and months before, another way than ``DERWriting`` goes.
    private static func date(year: Int, _ fields: [Int]) -> Date? {
        let (month, day, hour, minute, second) = (fields[1], fields[2], fields[3], fields[4], fields[5])
        let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
        let months = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...12).contains(month), (1...months[month - 1]).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        // The leap days before this year, less those before 1970.
        let earlier = year - 1
        let leapDays = (earlier / 4 - earlier / 100 + earlier / 400) - 477
        let days = (year - 1_970) * 365 + leapDays + months[..<(month - 1)].reduce(0, +) + day - 1
        return Date(timeIntervalSince1970: Double(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }
}
