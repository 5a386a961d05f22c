/// The rules for DNS names of an X509-SVID: RFC 1123 host names in ASCII, with `*` allowed as the whole first label.
package enum DNSName {
    /// The longest name, in bytes (RFC 1035 §2.3.4 without the root's two).
    package static let maxBytes = 253
    /// The longest label, in bytes.
    package static let maxLabelBytes = 63

    /// Checks a name and returns it in lower case.
    ///
    /// - Throws: what is wrong; a name outside ASCII is refused, its punycode form (`xn--…`) accepted.
    package static func normalized(_ name: String) throws(DNSNameProblem) -> String {
        guard !name.isEmpty else { throw .empty }
        guard name.utf8.count <= Self.maxBytes else { throw .tooLong(bytes: name.utf8.count) }
        let lowered = name.utf8.map { Self.lowercase($0) }
        let labels = lowered.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for (position, label) in labels.enumerated() {
            if position == 0, labels.count > 1, label.elementsEqual("*".utf8) { continue }
            if let problem = Self.problem(label: label) { throw problem }
        }
        return String(decoding: lowered, as: UTF8.self)
    }

    /// A name that is covered by a wildcard among the names, if there is one.
    ///
    /// `*.example.org` covers `a.example.org` and not `a.b.example.org`; names are in the form of ``normalized(_:)``.
    package static func overlap(in names: [String]) -> (wildcard: String, name: String)? {
        let wildcards = Set(names.lazy.filter { $0.hasPrefix("*.") })
        guard !wildcards.isEmpty else { return nil }
        for name in names where !name.hasPrefix("*.") {
            guard let dot = name.firstIndex(of: ".") else { continue }
            let wildcard = "*\(name[dot...])"
            if wildcards.contains(wildcard) { return (wildcard, name) }
        }
        return nil
    }

    private static func problem(label: ArraySlice<UInt8>) -> DNSNameProblem? {
        guard let first = label.first, let last = label.last else { return .emptyLabel }
        if label.count > Self.maxLabelBytes { return .labelTooLong(bytes: label.count) }
        if first == UInt8(ascii: "-") || last == UInt8(ascii: "-") { return .hyphenAtEnd }
        for byte in label {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                continue
            case UInt8(ascii: "*"): return .misplacedWildcard
            default: return .invalidByte(byte)
            }
        }
        return nil
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

/// What is wrong with a DNS name.
package enum DNSNameProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(bytes: Int)
    case emptyLabel
    case labelTooLong(bytes: Int)
    case hyphenAtEnd
    /// `*` stands anywhere but alone in the first label of several.
    case misplacedWildcard
    /// A byte other than a letter, a digit or a hyphen.
    case invalidByte(UInt8)

    package var description: String {
        switch self {
        case .empty: "the name is empty"
        case .tooLong(let bytes): "the name has \(bytes) bytes, at most \(DNSName.maxBytes) are allowed"
        case .emptyLabel: "a label is empty"
        case .labelTooLong(let bytes): "a label has \(bytes) bytes, at most \(DNSName.maxLabelBytes) are allowed"
        case .hyphenAtEnd: "a label begins or ends with '-'"
        case .misplacedWildcard: "'*' may only be the whole first label"
        case .invalidByte(let byte): "byte 0x\(String(byte, radix: 16)) is not a letter, digit or '-'"
        }
    }
}
