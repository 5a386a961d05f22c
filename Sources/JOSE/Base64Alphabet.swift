/// The two alphabets of RFC 4648 and one strict codec for both.
struct Base64Alphabet: Sendable {
    static let standard = Base64Alphabet(last: [UInt8(ascii: "+"), UInt8(ascii: "/")])
    static let urlSafe = Base64Alphabet(last: [UInt8(ascii: "-"), UInt8(ascii: "_")])

    private static let notInAlphabet: UInt8 = 0xFF

    private let characters: [UInt8]
    private let values: [UInt8]

    private init(last: [UInt8]) {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        self.characters = letters + last
        var values = [UInt8](repeating: Self.notInAlphabet, count: 256)
        for (value, character) in self.characters.enumerated() { values[Int(character)] = UInt8(value) }
        self.values = values
    }

    func encode(_ bytes: some Sequence<UInt8>, padded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount / 3 * 4 + 4)
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(self.characters[Int(buffer >> UInt32(bits) & 0x3F)])
            }
        }
        if bits > 0 { text.append(self.characters[Int(buffer << UInt32(6 - bits) & 0x3F)]) }
        if padded {
            while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    func decode(_ text: [UInt8], padded: Bool) throws(Base64Error) -> [UInt8] {
        var end = text.count
        if padded {
            guard end % 4 == 0 else { throw .invalidLength(text.count) }
            // At most two characters of padding; a third is refused below as not in the alphabet.
            while end > 0, text.count - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        }
        guard end % 4 != 1 else { throw .invalidLength(text.count) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(end / 4 * 3 + 2)
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for offset in 0..<end {
            let value = self.values[Int(text[offset])]
            guard value != Self.notInAlphabet else { throw .invalidCharacter(offset: offset) }
            buffer = (buffer << 6 | UInt32(value)) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> bits))
            }
        }
        guard buffer & ((1 << bits) - 1) == 0 else { throw .nonCanonicalTail }
        return bytes
    }
}
