/// One DER element, found without looking inside of it.
struct DERElement {
    static let sequenceTag: UInt8 = 0x30

    /// The first byte; tags of more than one are not known here.
    let tag: UInt8
    let content: ArraySlice<UInt8>
    /// The element with its header.
    let encoded: ArraySlice<UInt8>

    /// The element at the start of `bytes`; nil when there is none or it does not fit.
    init?(startOf bytes: ArraySlice<UInt8>) {
        var header = bytes.prefix(5)
        guard let tag = header.popFirst(), tag & 0x1F != 0x1F, let first = header.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            // Three bytes of length are more than any limit here.
            let count = Int(first & 0x7F)
            guard (1...3).contains(count), header.count >= count else { return nil }
            length = header.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            header = header.dropFirst(count)
        }
        let rest = bytes[header.startIndex...]
        guard length <= rest.count else { return nil }
        self.tag = tag
        self.content = rest.prefix(length)
        self.encoded = bytes[..<self.content.endIndex]
    }

    /// The elements one after the other in `bytes`, up to one that does not fit.
    static func elements(in bytes: ArraySlice<UInt8>) -> some Sequence<DERElement> {
        sequence(state: bytes) { rest in
            guard let element = DERElement(startOf: rest) else { return nil }
            rest = rest[element.encoded.endIndex...]
            return element
        }
    }
}
