/// Base64 with the standard alphabet and padding (RFC 4648 §4), as in the `x5c` member of a JWK.
public enum Base64 {
    /// Encodes bytes, with padding.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        Base64Alphabet.standard.encode(bytes, padded: true)
    }

    /// Decodes text that has its padding and nothing else: no whitespace, no line breaks, no set bits after the last
    /// byte.
    public static func decode(_ text: some StringProtocol) throws(Base64Error) -> [UInt8] {
        try Base64Alphabet.standard.decode(Array(text.utf8), padded: true)
    }
}
