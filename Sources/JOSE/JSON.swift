/// Reading and writing JSON as RFC 8259 defines it, without the liberties it permits to readers.
public enum JSON {
    /// The most values a text may hold, so that a text of many tiny values cannot take a multiple of its size in
    /// memory.
    public static let maxValues = 262_144

    /// The deepest nesting a caller may allow; reading is recursive.
    public static let greatestMaxDepth = 64

    /// Parses one JSON text.
    ///
    /// Refused, beside what the grammar refuses: members of one name in an object, a byte order mark, anything after
    /// the value, half surrogate pairs and invalid UTF-8.
    ///
    /// - Parameters:
    ///   - bytes: The text, in UTF-8.
    ///   - maxBytes: The longest text to look at.
    ///   - maxDepth: How deep arrays and objects may be nested: 1 allows `[1]`, not `[[1]]`; at most
    ///     ``greatestMaxDepth``.
    /// - Returns: The value of the text.
    /// - Throws: ``JSONError``; the first fault in the order of the text.
    public static func parse(
        _ bytes: some Collection<UInt8>, maxBytes: Int, maxDepth: Int = 16
    ) throws(JSONError) -> JSONValue {
        precondition(maxDepth <= self.greatestMaxDepth, "the reader is recursive")
        guard bytes.count <= maxBytes else { throw .tooLong(maxBytes: maxBytes) }
        var reader = JSONReader(bytes: Array(bytes), maxDepth: maxDepth)
        return try reader.readText()
    }

    /// Writes a value as UTF-8.
    ///
    /// - Parameters:
    ///   - value: The value to write.
    ///   - sorted: Whether members are ordered by the bytes of their names, instead of as they are.
    ///   - pretty: Whether to indent by two spaces and end with a line break, instead of writing no whitespace.
    /// - Returns: A text that ``parse(_:maxBytes:maxDepth:)`` reads as `value`.
    public static func serialize(_ value: JSONValue, sorted: Bool = false, pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(sorted: sorted, pretty: pretty)
        writer.write(value)
        return writer.finish()
    }
}
