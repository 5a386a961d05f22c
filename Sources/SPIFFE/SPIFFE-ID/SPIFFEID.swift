/// A SPIFFE ID (SPIFFE-ID §2): a trust domain and a path that may be empty.
///
/// Parsed from raw bytes and strict: what other parsers might map to a valid ID (upper-case scheme, percent-encoding,
/// spaces, an empty fragment) is refused. Two IDs are equal when their bytes are.
public struct SPIFFEID: Hashable, Sendable {
    /// The longest ID, in bytes, scheme and separators included (SPIFFE-ID §2.3).
    public static let maxBytes = 2_048

    public let trustDomain: TrustDomain
    /// Empty, or segments that each follow a slash: `/ns/prod/web`.
    public let path: String

    /// Parses a URI such as `spiffe://example.org/web`.
    public init(parsing uri: String) throws(SPIFFEIDError) {
        try self.init(parsing: uri.utf8)
    }

    /// Parses the bytes of a URI, as they stand in a certificate.
    public init(parsing bytes: some Collection<UInt8>) throws(SPIFFEIDError) {
        let count = bytes.count
        guard count <= Self.maxBytes else { throw .tooLong(bytes: count) }
        // All of it: copying a part of a string's bytes goes byte by byte.
        let all = Array(bytes)
        guard all.starts(with: SPIFFEIDGrammar.prefix) else { throw .wrongScheme }
        let rest = all[SPIFFEIDGrammar.prefix.count...]
        let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        try SPIFFEIDGrammar.checkTrustDomain(rest[..<end])
        try SPIFFEIDGrammar.checkPath(rest[end...])
        self.trustDomain = TrustDomain(checked: String(decoding: rest[..<end], as: UTF8.self))
        self.path = String(decoding: rest[end...], as: UTF8.self)
    }

    /// Makes an ID of its parts.
    ///
    /// - Parameters:
    ///   - trustDomain: The trust domain.
    ///   - path: Empty, or with a leading slash.
    public init(trustDomain: TrustDomain, path: String) throws(SPIFFEIDError) {
        let count = SPIFFEIDGrammar.prefix.count + trustDomain.name.utf8.count + path.utf8.count
        guard count <= Self.maxBytes else { throw .tooLong(bytes: count) }
        try SPIFFEIDGrammar.checkPath(Array(path.utf8)[...])
        self.init(checked: trustDomain, path: path)
    }

    init(checked trustDomain: TrustDomain, path: String) {
        self.trustDomain = trustDomain
        self.path = path
    }

    /// The ID as a URI.
    public var uri: String {
        "spiffe://" + self.trustDomain.name + self.path
    }

    /// Whether the path is `/spire` or below it, which the control plane keeps for servers and agents.
    public var isReserved: Bool {
        self.path == "/spire" || self.isUnder(segments: ["spire"])
    }

    /// Whether the path begins with these whole segments and goes on after them.
    ///
    /// Says nothing about trust: a path means only what its trust domain says it means (SPIFFE-ID §2.2).
    public func isUnder(segments: [String]) -> Bool {
        let prefix = segments.map { "/" + $0 }.joined() + "/"
        return self.path.utf8.starts(with: prefix.utf8)
    }
}

extension SPIFFEID: Comparable {
    /// Orders by trust domain, then by path, each by its bytes.
    public static func < (lhs: SPIFFEID, rhs: SPIFFEID) -> Bool {
        (lhs.trustDomain, lhs.path) < (rhs.trustDomain, rhs.path)
    }
}

extension SPIFFEID: CustomStringConvertible {
    /// The ID as a URI.
    public var description: String { self.uri }
}
