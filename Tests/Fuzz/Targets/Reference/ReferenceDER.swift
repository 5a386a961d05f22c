/// DER as X.690 §8.1 lays it out, read without any of the libraries that certificates are parsed with.
enum ReferenceDER {
    struct Element {
        let tag: UInt8
        let encoded: ArraySlice<UInt8>
        let content: ArraySlice<UInt8>
    }

    /// The elements that follow each other in these bytes; nil when the bytes are not elements of tags below 31.
    static func elements(_ bytes: ArraySlice<UInt8>) -> [Element]? {
        var elements: [Element] = []
        var rest = bytes
        while let tag = rest.first {
            guard tag & 0x1F != 0x1F, let length = self.length(rest.dropFirst()) else { return nil }
            guard let end = rest.index(length.end, offsetBy: length.value, limitedBy: rest.endIndex) else { return nil }
            elements.append(
                Element(tag: tag, encoded: rest[rest.startIndex..<end], content: rest[length.end..<end]))
            rest = rest[end...]
        }
        return elements
    }

    private static func length(_ bytes: ArraySlice<UInt8>) -> (value: Int, end: Int)? {
        guard let first = bytes.first else { return nil }
        guard first >= 0x80 else { return (Int(first), bytes.startIndex + 1) }
        let count = Int(first & 0x7F)
        let digits = bytes.dropFirst().prefix(count)
        guard (1...4).contains(count), digits.count == count else { return nil }
        return (digits.reduce(0) { $0 << 8 | Int($1) }, digits.endIndex)
    }
}
