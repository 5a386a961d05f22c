/// The name of a trust domain (SPIFFE-ID §2.1): 1 to 255 bytes of `a–z 0–9 . - _`.
///
/// Names that look like IP addresses or DNS names get no special treatment; two names are equal when their bytes are.
public struct TrustDomain: Hashable, Sendable {
    /// The longest name, in bytes (SPIFFE-ID §2.3).
    public static let maxBytes = 255

    public let name: String

    /// Parses a bare name, such as `example.org`.
    public init(parsing name: String) throws(SPIFFEIDError) {
        try SPIFFEIDGrammar.checkTrustDomain(Array(name.utf8)[...])
        self.name = name
    }

    /// Parses a bare name or a whole SPIFFE ID, of which only the trust domain is taken.
    ///
    /// For what a person typed; where a standard says which of the two it is, use the exact initializer.
    public init(nameOrID: String) throws(SPIFFEIDError) {
        if nameOrID.utf8.starts(with: SPIFFEIDGrammar.prefix) {
            self = try SPIFFEID(parsing: nameOrID).trustDomain
        } else {
            try self.init(parsing: nameOrID)
        }
    }

    init(checked name: String) {
        self.name = name
    }

    /// The ID of the trust domain itself, which has no path.
    public var id: SPIFFEID {
        SPIFFEID(checked: self, path: "")
    }

    /// Whether the name has an empty label: begins or ends with a dot, or has two in a row.
    ///
    /// The grammar allows it, but Go refuses certificates with such a host in a URI: choose no such name for a new domain.
    public var hasEmptyLabel: Bool {
        let dot = UInt8(ascii: ".")
        let labels = self.name.utf8.split(separator: dot, omittingEmptySubsequences: false)
        return labels.contains { $0.isEmpty }
    }
}

extension TrustDomain: Comparable {
    /// Orders by the bytes of the names.
    public static func < (lhs: TrustDomain, rhs: TrustDomain) -> Bool {
        lhs.name < rhs.name
    }
}

extension TrustDomain: CustomStringConvertible {
    public var description: String { self.name }
}
