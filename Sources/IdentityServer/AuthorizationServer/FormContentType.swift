/// The content type that OAuth endpoints take (RFC 6749 §4.4.2).
package enum FormContentType {
    package static let mediaType = "application/x-www-form-urlencoded"

    /// Whether the fields say that the body is a form, in UTF-8 if they say in what.
    package static func isForm(_ fields: [String]) -> Bool {
        guard fields.count == 1, let field = fields.first else { return false }
        let parts = field.split(separator: ";", omittingEmptySubsequences: false).map {
            String($0.filter { $0 != " " && $0 != "\t" && $0 != "\"" }).lowercased()
        }
        return parts.first == Self.mediaType && parts.dropFirst().allSatisfy { $0 == "charset=utf-8" }
    }
}
