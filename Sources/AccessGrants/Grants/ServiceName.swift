/// The short name of a service in grants and on the command line: `payments`.
///
/// Lower-case letters, digits, `.`, `_` and `-`, the first a letter or digit; 1 to 63 bytes. A name is never a URI, so
/// that it cannot be mistaken for an audience.
package struct ServiceName: Hashable, Sendable {
    /// The longest name, in bytes.
    package static let maxBytes = 63

    package let text: String

    /// Parses a name.
    package init(parsing text: String) throws(AccessRuleError) {
        let bytes = text.utf8
        guard (1...Self.maxBytes).contains(bytes.count), let first = bytes.first, Self.isAlphanumeric(first),
            bytes.allSatisfy({ Self.isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) })
        else { throw .invalidServiceName }
        self.text = text
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}

extension ServiceName: Comparable, CustomStringConvertible {
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.text.utf8.lexicographicallyPrecedes(rhs.text.utf8) }

    package var description: String { self.text }
}
