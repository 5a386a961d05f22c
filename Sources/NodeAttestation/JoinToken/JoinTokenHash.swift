import Crypto

/// The SHA-256 of a join token, all that a store keeps of it until it is used.
package struct JoinTokenHash: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let hex: String

    package init(of token: String) {
        var hex = ""
        for byte in SHA256.hash(data: Array(token.utf8)) {
            hex += byte < 16 ? "0\(String(byte, radix: 16))" : String(byte, radix: 16)
        }
        self.hex = hex
    }

    /// Reads what ``hex`` wrote; `nil` for anything else.
    package init?(hex: String) {
        let isHex = hex.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        guard hex.utf8.count == 64, isHex else { return nil }
        self.hex = hex
    }

    package var description: String { self.hex }
}
