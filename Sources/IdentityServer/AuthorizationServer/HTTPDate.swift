package import FoundationEssentials

/// A moment as HTTP writes it (RFC 9110 §5.6.7): `Fri, 15 Jan 2027 08:00:00 GMT`.
package enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()

    package static func text(_ moment: Date) -> String {
        let parts = Self.calendar.dateComponents(
            [.weekday, .day, .month, .year, .hour, .minute, .second], from: moment)
        let day = Self.days[((parts.weekday ?? 1) - 1) % 7]
        let month = Self.months[((parts.month ?? 1) - 1) % 12]
        let year = String(parts.year ?? 0)
        let time = [parts.hour, parts.minute, parts.second].map { Self.twoDigits($0 ?? 0) }.joined(separator: ":")
        let yearText = String(repeating: "0", count: max(0, 4 - year.utf8.count)) + year
        return "\(day), \(Self.twoDigits(parts.day ?? 1)) \(month) \(yearText) \(time) GMT"
    }

    private static func twoDigits(_ number: Int) -> String {
        (number < 10 ? "0" : "") + String(number)
    }
}
