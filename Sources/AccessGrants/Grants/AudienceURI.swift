/// What stands in a token's `aud`: an absolute URI without a fragment (RFC 8707 §2), of at most 2,048 bytes.
package struct AudienceURI: Hashable, Sendable {
    /// The longest audience, in bytes.
    package static let maxBytes = 2_048

    package let text: String

    /// Parses a URI: a scheme, a colon and something after it, all of characters that RFC 3986 allows in a URI.
    package init(parsing text: String) throws(AccessRuleError) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maxBytes else { throw .audienceTooLong(bytes: bytes.count) }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), Self.isScheme(bytes[..<colon]),
            bytes.count > colon + 1, bytes.allSatisfy(Self.isURIByte)
        else { throw .invalidAudience }
        self.text = text
    }

    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, Self.isLetter(first) else { return false }
        return bytes.allSatisfy { byte in
            Self.isLetter(byte) || Self.isDigit(byte) || "+-.".utf8.contains(byte)
        }
    }

    /// Unreserved and reserved characters and `%`; the fragment's `#` is not among them.
    private static func isURIByte(_ byte: UInt8) -> Bool {
        Self.isLetter(byte) || Self.isDigit(byte) || "-._~:/?[]@!$&'()*+,;=%".utf8.contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension AudienceURI: CustomStringConvertible {
    package var description: String { self.text }
}
