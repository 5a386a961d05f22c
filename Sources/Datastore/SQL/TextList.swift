import Registration

/// A list of non-empty texts in one text column: one a line, with line feeds and backslashes escaped.
enum TextList {
    static func encode(_ items: some Sequence<String>) -> String {
        var text = ""
        for item in items {
            if !text.isEmpty { text += "\n" }
            text += item.utf8.contains(where: Self.isEscaped) ? Self.escape(item) : item
        }
        return text
    }

    static func decode(_ text: String) throws(StoreFailure) -> [String] {
        if text.isEmpty { return [] }
        var items: [String] = []
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.contains(UInt8(ascii: "\\")) {
                items.append(try Self.unescape(line))
            } else {
                items.append(String(Substring(line)))
            }
        }
        return items
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\\")
    }

    private static func escape(_ item: String) -> String {
        var bytes: [UInt8] = []
        for byte in item.utf8 {
            switch byte {
            case UInt8(ascii: "\n"): bytes += #"\n"#.utf8
            case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func unescape(_ line: Substring.UTF8View) throws(StoreFailure) -> String {
        var bytes: [UInt8] = []
        var iterator = line.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch iterator.next() {
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            default: throw .damaged("a list has an unknown escape")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
