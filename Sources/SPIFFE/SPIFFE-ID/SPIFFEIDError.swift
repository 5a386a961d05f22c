/// Why text is not a SPIFFE ID or a trust domain name; one case a rule of SPIFFE-ID §2.
@nonexhaustive
public enum SPIFFEIDError: Error, Hashable {
    /// The ID has more than ``SPIFFEID/maxBytes`` bytes (§2.3).
    case tooLong(bytes: Int)
    /// The ID does not begin with `spiffe://` in lower case (§2).
    case wrongScheme
    /// The trust domain name is empty (§2.1).
    case emptyTrustDomain
    /// The trust domain name has more than ``TrustDomain/maxBytes`` bytes (§2.3).
    case trustDomainTooLong(bytes: Int)
    /// The authority has a userinfo part (§2.1).
    case userInfo
    /// The authority has a port part (§2.1).
    case port
    /// The trust domain name has an upper-case letter (§2.1).
    case upperCaseTrustDomain
    /// The trust domain name has a byte that is none of `a–z 0–9 . - _` (§2.1).
    case trustDomainByte(UInt8)
    /// There is a query component, be it empty (§2).
    case query
    /// There is a fragment component, be it empty (§2).
    case fragment
    /// There is a percent-encoded byte (§2.1, §2.2).
    case percentEncoding
    /// The path does not begin with a slash.
    case relativePath
    /// The path has an empty segment (§2.2).
    case emptySegment
    /// The path has the segment `.` or `..` (§2.2).
    case dotSegment
    /// The path ends in a slash (§2.2).
    case trailingSlash
    /// The path has a byte that is none of `A–Z a–z 0–9 . - _` (§2.2).
    case pathByte(UInt8)

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .tooLong: "spiffe_id.too_long"
        case .wrongScheme: "spiffe_id.wrong_scheme"
        case .emptyTrustDomain: "spiffe_id.empty_trust_domain"
        case .trustDomainTooLong: "spiffe_id.trust_domain_too_long"
        case .userInfo: "spiffe_id.user_info"
        case .port: "spiffe_id.port"
        case .upperCaseTrustDomain: "spiffe_id.upper_case_trust_domain"
        case .trustDomainByte: "spiffe_id.trust_domain_byte"
        case .query: "spiffe_id.query"
        case .fragment: "spiffe_id.fragment"
        case .percentEncoding: "spiffe_id.percent_encoding"
        case .relativePath: "spiffe_id.relative_path"
        case .emptySegment: "spiffe_id.empty_segment"
        case .dotSegment: "spiffe_id.dot_segment"
        case .trailingSlash: "spiffe_id.trailing_slash"
        case .pathByte: "spiffe_id.path_byte"
        }
    }
}

extension SPIFFEIDError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let bytes): "it has \(bytes) bytes, at most \(SPIFFEID.maxBytes) are allowed"
        case .wrongScheme: "it does not begin with spiffe://"
        case .emptyTrustDomain: "the trust domain is missing"
        case .trustDomainTooLong(let bytes):
            "the trust domain has \(bytes) bytes, at most \(TrustDomain.maxBytes) are allowed"
        case .userInfo: "it has a userinfo part"
        case .port: "it has a port"
        case .upperCaseTrustDomain: "the trust domain has an upper-case letter"
        case .trustDomainByte(let byte): "the trust domain has \(Self.shown(byte)), which is none of a-z 0-9 . - _"
        case .query: "it has a query component"
        case .fragment: "it has a fragment component"
        case .percentEncoding: "it has a percent-encoded byte"
        case .relativePath: "the path does not begin with a slash"
        case .emptySegment: "the path has an empty segment"
        case .dotSegment: "the path has the segment . or .."
        case .trailingSlash: "the path ends in a slash"
        case .pathByte(let byte): "the path has \(Self.shown(byte)), which is none of A-Z a-z 0-9 . - _"
        }
    }

    private static func shown(_ byte: UInt8) -> String {
        (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'"
            : "the byte 0x" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}
