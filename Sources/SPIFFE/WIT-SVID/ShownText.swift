/// What a peer wrote, as an error may show it.
enum ShownText {
    /// The first 64 bytes.
    static func prefix(_ text: String) -> String {
        String(decoding: text.utf8.prefix(64), as: UTF8.self)
    }
}
