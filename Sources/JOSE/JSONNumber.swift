/// A JSON number as it was written.
///
/// The text is kept, so that 64-bit integers survive. Two numbers are equal when their texts are: `1` and `1.0` are
/// not.
public struct JSONNumber: Sendable, Hashable, CustomStringConvertible {
    /// The number in the grammar of RFC 8259 §6.
    public let text: String

    /// A number that the parser has checked.
    init(checked text: String) {
        self.text = text
    }

    /// Creates an integer.
    public init(_ value: some FixedWidthInteger) {
        self.text = String(value)
    }

    /// The value, if it is written as an integer and fits.
    public var int64: Int64? { Int64(self.text) }

    /// The value, if it is written as an integer without sign and fits.
    public var uint64: UInt64? { self.text.hasPrefix("-") ? nil : UInt64(self.text) }

    /// The nearest floating-point value, if it is finite.
    public var double: Double? {
        guard let value = Double(self.text), value.isFinite else { return nil }
        return value
    }

    public var description: String { self.text }
}
