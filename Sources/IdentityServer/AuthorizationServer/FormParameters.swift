/// The parameters of a request to an OAuth endpoint: `application/x-www-form-urlencoded` in UTF-8 (RFC 6749 appendix B).
///
/// A parameter without a value counts as one that is not there, and none may come twice (RFC 6749 §3.2), but `resource`
/// and `audience`, which may (RFC 8707 §2, RFC 8693 §2.1).
package struct FormParameters: Hashable, Sendable {
    /// The longest body, in bytes.
    package static let maxBytes = 65_536
    /// The most parameters.
    package static let maxParameters = 64
    /// The names that may come more than once.
    package static let repeatable: Set<String> = ["resource", "audience"]

    private var values: [String: [String]] = [:]

    /// Parses a body.
    package init(parsing body: [UInt8]) throws(FormError) {
        guard body.count <= Self.maxBytes else { throw .tooLong }
        let pairs = body.split(separator: UInt8(ascii: "&"))
        guard pairs.count <= Self.maxParameters else { throw .tooMany }
        for pair in pairs {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.text(parts[0])
            let value = parts.count == 2 ? try Self.text(parts[1]) : ""
            guard self.values[name] == nil || Self.repeatable.contains(name) else { throw .repeated }
            self.values[name, default: []].append(value)
        }
    }

    /// The value of a parameter that comes once; nil where it is missing or empty.
    package subscript(name: String) -> String? {
        self.all(name).first
    }

    /// Every value of a parameter that is not empty.
    package func all(_ name: String) -> [String] {
        (self.values[name] ?? []).filter { !$0.isEmpty }
    }

    private static func text(_ encoded: ArraySlice<UInt8>) throws(FormError) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var rest = encoded[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(Self.digit), let low = rest.popFirst().flatMap(Self.digit)
                else { throw .malformed }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .malformed }
        return text
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            (byte | 0x20) - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// Why a body is not a form of an OAuth endpoint.
package enum FormError: Error, Hashable {
    case tooLong
    case tooMany
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    case malformed
    /// A parameter comes twice that may not.
    case repeated
}

// A form may hold tokens and assertions.
extension FormParameters: CustomStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
