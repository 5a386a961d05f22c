/// IP addresses as they are written in URLs (RFC 3986 §3.2.2).
enum IPAddressText {
    /// Four decimal numbers up to 255 without leading zeros.
    static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    part == "0" || !part.hasPrefix("0"), let number = Int(part)
                else { return false }
                return number <= 255
            }
    }

    /// Eight groups of one to four hexadecimal digits; once, `::` stands for one or more groups of zero, and the last
    /// two groups may be an IPv4 address.
    static func isIPv6(_ text: Substring) -> Bool {
        var text = text
        var groups = 0
        if let colon = text.lastIndex(of: ":"), text[colon...].contains(".") {
            guard self.isIPv4(text[colon...].dropFirst()) else { return false }
            groups = 2
            // The colon before it stays where it is half of `::`.
            let before = text[..<colon]
            text = before.hasSuffix(":") ? text[...colon] : before
        }
        let halves = self.split(text)
        guard halves.count <= 2 else { return false }
        for half in halves where !half.isEmpty {
            for group in half.split(separator: ":", omittingEmptySubsequences: false) {
                guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy(self.isHexadecimalDigit) else {
                    return false
                }
                groups += 1
            }
        }
        return halves.count == 2 ? groups < 8 : groups == 8
    }

    /// The parts around each `::`.
    private static func split(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
        var rest = text
        while let range = rest.firstRange(of: "::") {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        parts.append(rest)
        return parts
    }

    private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }
}
