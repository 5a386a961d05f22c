import Crypto
import Registration
import SPIFFE

/// The key under which entries that give the same identity to the same workloads collide.
enum Similarity {
    /// SHA-256 of parent, SPIFFE ID and sorted selectors, one a line, in 64 hexadecimal digits.
    static func hash(of content: EntryContent) -> String {
        let lines = [content.parentID.uri, content.spiffeID.uri] + content.selectors.map(\.description)
        var hex: [UInt8] = []
        hex.reserveCapacity(64)
        for byte in SHA256.hash(data: Array(TextList.encode(lines).utf8)) {
            hex.append(Self.digits[Int(byte >> 4)])
            hex.append(Self.digits[Int(byte & 15)])
        }
        return String(decoding: hex, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
