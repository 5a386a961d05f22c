package import JOSE

extension [UInt8] {
    /// Bytes written in standard base64 with padding.
    package init(base64: String) throws(Base64Error) {
        self = try Base64.decode(base64)
    }

    /// Bytes written in base64url without padding.
    package init(base64URL: String) throws(Base64URLError) {
        self = try Base64URL.decode(base64URL)
    }

    /// Bytes written as two hexadecimal digits each; whitespace is ignored, nil when something else is found.
    package init?(hex: String) {
        let digits = hex.filter { !$0.isWhitespace }.map(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2), !digits.contains(nil) else { return nil }
        let values = digits.compactMap(\.self)
        self = stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }

    /// The bytes as lower-case hexadecimal digits.
    package var hex: String {
        self.map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The bytes in standard base64 with padding.
    package var base64: String { Base64.encode(self) }

    /// The bytes in base64url without padding.
    package var base64URL: String { Base64URL.encode(self) }

    /// The bytes as text, anything that is not UTF-8 replaced.
    package var text: String { String(decoding: self, as: UTF8.self) }
}
