/// Base64 with the URL-safe alphabet and without padding (RFC 7515 §2).
public enum Base64URL {
    /// Encodes bytes, without padding.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Base64Alphabet.urlSafe.encode(bytes, padded: false)
    }

    /// Decodes text; see ``decode(_:)-(Collection<UInt8>)``.
    public static func decode(_ text: some StringProtocol) throws(Base64URLError) -> [UInt8] {
        try Base64Alphabet.urlSafe.decode(Array(text.utf8), padded: false)
    }

    /// Decodes ASCII bytes: every sequence of bytes has exactly one text, so padding, whitespace and set bits after the
    /// last byte are refused.
    public static func decode(_ text: some Collection<UInt8>) throws(Base64URLError) -> [UInt8] {
        try Base64Alphabet.urlSafe.decode(Array(text), padded: false)
    }
}
