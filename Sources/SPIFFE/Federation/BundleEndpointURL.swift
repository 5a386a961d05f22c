import FoundationEssentials

/// Where a trust bundle is fetched from (SPIFFE Federation §5.2.1, §5.2.2): an `https` URL without user information.
///
/// Parsed on raw bytes: ASCII, at most 2,048 of them, no spaces, no control characters, no fragment (none would reach
/// a server). Port, path and query are free.
public struct BundleEndpointURL: Hashable, Sendable, CustomStringConvertible {
    /// The longest URL, in bytes.
    public static let maxBytes = 2_048

    /// The host as in the URL: a DNS name in lower case, an IPv4 address, or an IPv6 address without its brackets.
    public let host: String
    /// From 1 to 65,535; 443 where the URL has none.
    public let port: Int
    /// Path and query as they are requested; begins with a slash.
    public let target: String
    /// The URL as it was written.
    public let description: String

    /// - Throws: ``BundleEndpointURLError``.
    public init(_ text: String) throws(BundleEndpointURLError) {
        guard text.utf8.count <= Self.maxBytes else { throw .tooLong(bytes: text.utf8.count) }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .invalidCharacter }
        guard !text.utf8.contains(UInt8(ascii: "#")) else { throw .hasFragment }
        guard text.prefix(8).lowercased() == "https://" else { throw .notHTTPS }
        let rest = text.dropFirst(8)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "\\" }
        guard !authority.contains("@") else { throw .hasUserInformation }
        (self.host, self.port) = try Self.hostAndPort(authority)
        let target = rest.dropFirst(authority.count)
        guard !target.hasPrefix("\\") else { throw .invalidCharacter }
        self.target = target.hasPrefix("/") ? String(target) : "/" + target
        self.description = text
    }

    /// The endpoint that a redirection leads to: `location` may be relative to this URL (RFC 3986 §5).
    ///
    /// - Throws: ``BundleEndpointURLError`` when what it leads to is no URL of a bundle endpoint.
    public func redirected(to location: String) throws(BundleEndpointURLError) -> Self {
        guard location.utf8.count <= Self.maxBytes else { throw .tooLong(bytes: location.utf8.count) }
        guard location.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .invalidCharacter }
        guard let base = URL(string: self.description), let url = URL(string: location, relativeTo: base) else {
            throw .invalidCharacter
        }
        return try Self(url.absoluteString)
    }

    /// Whether the host is an IP address, and no name.
    package var isAddress: Bool {
        self.host.contains(":") || IPAddressText.isIPv4(self.host[...])
    }

    /// The value of the `Host` field: without the port where it is 443.
    package var hostField: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == 443 ? host : "\(host):\(self.port)"
    }

    private static func hostAndPort(_ authority: Substring) throws(BundleEndpointURLError) -> (String, Int) {
        let host: Substring
        let afterHost: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .invalidHost }
            host = authority[..<end].dropFirst()
            afterHost = authority[end...].dropFirst()
            guard IPAddressText.isIPv6(host) else { throw .invalidHost }
        } else {
            host = authority.prefix { $0 != ":" }
            afterHost = authority.dropFirst(host.count)
            guard IPAddressText.isIPv4(host) || Self.isHostName(host) else { throw .invalidHost }
        }
        guard !afterHost.isEmpty else { return (host.lowercased(), 443) }
        let digits = afterHost.dropFirst()
        guard afterHost.hasPrefix(":"), !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), (1...65_535).contains(port)
        else { throw .invalidPort }
        return (host.lowercased(), port)
    }

    private static func isHostName(_ host: Substring) -> Bool {
        // A name whose last label is a number would be taken for an address by resolvers.
        guard let last = host.split(separator: ".", omittingEmptySubsequences: false).last,
            !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !host.hasPrefix("*")
        else { return false }
        return (try? DNSName.normalized(String(host))) != nil
    }
}

/// Why a text is no URL of a bundle endpoint.
@nonexhaustive
public enum BundleEndpointURLError: Error, Hashable {
    /// It is longer than 2,048 bytes.
    case tooLong(bytes: Int)
    /// A byte is none of a URL, or the text does not resolve to one.
    case invalidCharacter
    /// The scheme is not `https`.
    case notHTTPS
    /// There is an `@` in the authority.
    case hasUserInformation
    /// There is a `#`.
    case hasFragment
    /// The host is neither a DNS name nor an IP address.
    case invalidHost
    /// What follows the host is no port from 1 to 65,535.
    case invalidPort

    /// A stable name of the case, for metrics.
    public var label: String {
        switch self {
        case .tooLong: "bundle_endpoint_url.too_long"
        case .invalidCharacter: "bundle_endpoint_url.invalid_character"
        case .notHTTPS: "bundle_endpoint_url.not_https"
        case .hasUserInformation: "bundle_endpoint_url.has_user_information"
        case .hasFragment: "bundle_endpoint_url.has_fragment"
        case .invalidHost: "bundle_endpoint_url.invalid_host"
        case .invalidPort: "bundle_endpoint_url.invalid_port"
        }
    }
}

extension BundleEndpointURLError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let bytes): "the URL has \(bytes) bytes, and may have \(BundleEndpointURL.maxBytes)"
        case .invalidCharacter: "it is not a URL"
        case .notHTTPS: "the URL does not begin with https://"
        case .hasUserInformation: "the URL names a user or a password"
        case .hasFragment: "the URL has a fragment"
        case .invalidHost: "the host is neither a DNS name nor an IP address"
        case .invalidPort: "the port is not a number from 1 to 65535"
        }
    }
}
