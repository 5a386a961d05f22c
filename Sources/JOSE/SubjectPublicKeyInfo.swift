/// The parts of a DER SubjectPublicKeyInfo, taken apart as far as needed to tell kinds of keys from each other.
struct SubjectPublicKeyInfo {
    static let ecPublicKey: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
    static let rsaEncryption: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    static let ed25519: [UInt8] = [0x2B, 0x65, 0x70]
    static let p256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    static let p384: [UInt8] = [0x2B, 0x81, 0x04, 0x00, 0x22]
    static let p521: [UInt8] = [0x2B, 0x81, 0x04, 0x00, 0x23]

    /// The content of the algorithm's object identifier.
    let algorithm: [UInt8]
    /// The content of the object identifier in the parameters; nil when they are something else.
    let curve: [UInt8]?
    /// The bits of the key.
    let key: [UInt8]

    init(parsing der: [UInt8]) throws(PublicKeyError) {
        var outer = DERElements(der[...])
        var parts = DERElements(try outer.next(tag: 0x30))
        var identifier = DERElements(try parts.next(tag: 0x30))
        self.algorithm = Array(try identifier.next(tag: 0x06))
        self.curve = identifier.nextTag == 0x06 ? Array(try identifier.next(tag: 0x06)) : nil
        let bits = try parts.next(tag: 0x03)
        guard bits.first == 0, parts.isAtEnd, outer.isAtEnd else { throw .malformed }
        self.key = Array(bits.dropFirst())
    }
}

/// Reads DER elements one after the other.
///
/// Lengths are bounds-checked and need not be minimal here: the caller compares with the canonical encoding afterwards.
private struct DERElements {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    var nextTag: UInt8? { self.rest.first }
    var isAtEnd: Bool { self.rest.isEmpty }

    mutating func next(tag: UInt8) throws(PublicKeyError) -> ArraySlice<UInt8> {
        guard self.rest.popFirst() == tag, let first = self.rest.popFirst() else { throw .malformed }
        var length = Int(first)
        if first >= 0x80 {
            // Two bytes of length are enough for every key that is accepted.
            guard first == 0x81 || first == 0x82 else { throw .malformed }
            length = 0
            for _ in 0..<(first & 0x0F) {
                guard let byte = self.rest.popFirst() else { throw .malformed }
                length = length << 8 | Int(byte)
            }
        }
        guard length <= self.rest.count else { throw .malformed }
        defer { self.rest = self.rest.dropFirst(length) }
        return self.rest.prefix(length)
    }
}
