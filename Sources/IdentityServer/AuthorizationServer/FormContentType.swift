/// The content type that OAuth endpoints take (RFC 6749 §4.4.2).
package enum FormContentType {
    package static let mediaType = "application/x-www-form-urlencoded"

    /// Whether the fields say that the body is a form, in UTF-8 if they say in what.
    package static func isForm(_ fields: [String]) -> Bool {
        guard fields.count == 1, let field = fields.first else { return false }
        let parts = field.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
        return parts.first == Self.mediaType && parts.dropFirst().allSatisfy(Self.isUTF8)
    }

    private static func isUTF8(_ parameter: String) -> Bool {
        let parts = parameter.split(separator: "=", omittingEmptySubsequences: false).map(Self.trimmed)
        return parts == ["charset", "utf-8"] || parts == ["charset", "\"utf-8\""]
    }

    /// The text without the blanks around it, in lower case.
    private static func trimmed(_ text: Substring) -> String {
        let bytes = text.utf8.drop(while: Self.isBlank)
        let end = bytes.lastIndex { !Self.isBlank($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
        return String(Substring(bytes[..<end])).lowercased()
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
