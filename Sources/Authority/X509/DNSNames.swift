/// The DNS names of an X509-SVID: host names of ASCII letters, digits and hyphens (RFC 1123), in lower case, each once.
///
/// The first label may be `*`. A wildcard and a name it covers do not go together. The first name is also the common name
/// of the subject.
package struct DNSNames: Sendable, Hashable {
    /// The most names one certificate has.
    package static let maxNames = 256
    /// The longest name, in bytes.
    package static let maxNameBytes = 253
    /// The longest label, in bytes.
    package static let maxLabelBytes = 63
    /// The longest common name (RFC 5280 appendix A.1); a longer first name stands in the subject alternative names only.
    package static let maxCommonNameBytes = 64

    package static let none = DNSNames()

    package let names: [String]

    private init() {
        self.names = []
    }

    /// Checks names; they come out in lower case and in their order.
    package init(_ names: [String]) throws(DNSNamesError) {
        guard names.count <= Self.maxNames else { throw .tooMany(limit: Self.maxNames) }
        var seen: Set<String> = []
        var checked: [String] = []
        for name in names {
            // ASCII only: `lowercased()` makes letters of characters that are none, such as U+212A.
            let lowered = String(decoding: name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
            guard Self.isValid(lowered) else { throw .invalid(String(name.prefix(Self.maxNameBytes))) }
            if seen.insert(lowered).inserted { checked.append(lowered) }
        }
        for name in checked where !name.hasPrefix("*.") {
            guard let dot = name.firstIndex(of: ".") else { continue }
            let wildcard = "*\(name[dot...])"
            guard !seen.contains(wildcard) else { throw .coveredByWildcard(name, wildcard: wildcard) }
        }
        self.names = checked
    }

    /// The first name, if there is one and it is short enough for a subject.
    package var commonName: String? {
        self.names.first.flatMap { $0.utf8.count <= Self.maxCommonNameBytes ? $0 : nil }
    }

    private static func isValid(_ name: String) -> Bool {
        guard (1...self.maxNameBytes).contains(name.utf8.count) else { return false }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isWildcard = labels.count > 1 && labels[0].elementsEqual("*".utf8)
        return labels.dropFirst(isWildcard ? 1 : 0).allSatisfy { self.isLabel($0) }
    }

    private static func isLabel(_ label: Substring.UTF8View) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...self.maxLabelBytes).contains(label.count), label.first != hyphen, label.last != hyphen else {
            return false
        }
        return label.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == hyphen }
    }
}

/// Why DNS names do not go into an X509-SVID.
package enum DNSNamesError: Error, Hashable {
    /// There are more than ``DNSNames/maxNames``.
    case tooMany(limit: Int)
    /// The name is not a host name.
    case invalid(String)
    /// The name is covered by a wildcard among the names.
    case coveredByWildcard(String, wildcard: String)
}

extension DNSNamesError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooMany(let limit): "there are more than \(limit) DNS names"
        case .invalid(let name): "'\(name)' is not a DNS name"
        case .coveredByWildcard(let name, let wildcard): "the DNS name '\(name)' is covered by '\(wildcard)'"
        }
    }
}
