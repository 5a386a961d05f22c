public import FoundationEssentials
import Glibc

/// Where the Workload API is served: a Unix socket or a local TCP address (SPIFFE Workload Endpoint §4).
public struct WorkloadAPIAddress: Sendable, Hashable {
    /// The environment variable that names the endpoint: `SPIFFE_ENDPOINT_SOCKET`.
    public static let environmentVariable = "SPIFFE_ENDPOINT_SOCKET"
    /// The longest path a Unix socket can have, in bytes.
    public static let maxSocketPathBytes = 107

    /// The kinds of endpoint that the standard knows.
    public enum Endpoint: Sendable, Hashable {
        /// A Unix socket by its absolute path.
        case unix(path: String)
        /// An IPv4 or IPv6 address, the latter without brackets, and a port from 1 to 65535.
        case tcp(host: String, port: Int)
    }

    public let endpoint: Endpoint

    /// Parses an endpoint URI: `unix:///run/signet/agent/api.sock`, `tcp://127.0.0.1:8000`.
    public init(parsing uri: String) throws(WorkloadAPIAddressError) {
        guard let colon = uri.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw .schemeMissing }
        let rest = uri[uri.utf8.index(after: colon)...]
        switch uri[..<colon].lowercased() {
        case "unix": self.endpoint = try Self.unix(rest)
        case "tcp": self.endpoint = try Self.tcp(rest)
        case let scheme: throw .schemeUnsupported(scheme)
        }
    }

    /// The endpoint of a Unix socket by its path.
    public init(socketPath path: String) throws(WorkloadAPIAddressError) {
        self.endpoint = .unix(path: try Self.checked(socketPath: path))
    }

    /// The endpoint that the environment names.
    ///
    /// - Parameter environment: Default: that of this process.
    /// - Throws: ``WorkloadAPIAddressError/notConfigured`` when the variable is absent or empty.
    public init(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(WorkloadAPIAddressError) {
        guard let uri = environment[Self.environmentVariable], !uri.isEmpty else { throw .notConfigured }
        try self.init(parsing: uri)
    }

    private static func unix(_ rest: Substring) throws(WorkloadAPIAddressError) -> Endpoint {
        try self.refuseQueryAndFragment(in: rest)
        var path = rest
        if rest.hasPrefix("//") {
            path = rest.dropFirst(2)
            guard path.isEmpty || path.hasPrefix("/") else { throw .unixAuthority }
        }
        guard let decoded = self.percentDecoded(path) else { throw .pathEncoding }
        return .unix(path: try self.checked(socketPath: decoded))
    }

    private static func checked(socketPath path: String) throws(WorkloadAPIAddressError) -> String {
        guard path.hasPrefix("/"), path != "/" else { throw .pathNotAbsolute }
        guard !path.utf8.contains(0) else { throw .pathEncoding }
        guard path.utf8.count <= self.maxSocketPathBytes else { throw .pathTooLong(path.utf8.count) }
        return path
    }

    private static func tcp(_ rest: Substring) throws(WorkloadAPIAddressError) -> Endpoint {
        try self.refuseQueryAndFragment(in: rest)
        guard rest.hasPrefix("//") else { throw .hostMissing }
        let authority = rest.dropFirst(2)
        guard !authority.contains("/") else { throw .tcpPath }
        guard !authority.contains("@") else { throw .userInformation }
        guard !authority.isEmpty else { throw .hostMissing }

        let host: Substring
        let afterHost: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .hostNotIPAddress(String(authority)) }
            host = authority[authority.index(after: authority.startIndex)..<end]
            afterHost = authority[authority.index(after: end)...]
            guard self.isAddress(host, family: AF_INET6) else { throw .hostNotIPAddress(String(host)) }
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<end]
            afterHost = authority[end...]
            guard !host.isEmpty else { throw .hostMissing }
            guard self.isAddress(host, family: AF_INET) else { throw .hostNotIPAddress(String(host)) }
        }
        guard afterHost.hasPrefix(":"), afterHost.count > 1 else { throw .portMissing }
        let digits = afterHost.dropFirst()
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = Int(digits), (1...65_535).contains(port)
        else { throw .portInvalid(String(digits)) }
        return .tcp(host: String(host), port: port)
    }

    private static func refuseQueryAndFragment(in rest: Substring) throws(WorkloadAPIAddressError) {
        if rest.contains("#") { throw .fragment }
        if rest.contains("?") { throw .query }
    }

    private static func isAddress(_ host: Substring, family: Int32) -> Bool {
        // The library reads up to a zero byte.
        guard !host.utf8.contains(0) else { return false }
        var address = in6_addr()
        return unsafe inet_pton(family, String(host), &address) == 1
    }

    /// RFC 3986 §2.1; nil for a broken escape, or bytes that are not UTF-8.
    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension WorkloadAPIAddress: CustomStringConvertible {
    /// The endpoint as a URI.
    public var description: String {
        switch self.endpoint {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        }
    }
}
