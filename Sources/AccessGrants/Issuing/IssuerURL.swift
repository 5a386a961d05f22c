/// The identifier of an authorization server (RFC 8414 §2): an `https` URL without query and fragment.
///
/// One spelling only, since issuers are compared byte by byte: a host in lower case, and no slash at the end.
package struct IssuerURL: Hashable, Sendable {
    /// The longest issuer, in bytes.
    package static let maxBytes = 512
    private static let prefix = "https://"

    /// The URL as it stands in `iss`.
    package let text: String
    /// Host and port: what is between the scheme and the path.
    package let authority: String
    /// Empty, or segments that each follow a slash.
    package let path: String

    /// Parses an issuer; nil for anything that is not of the form above.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maxBytes, text.hasPrefix(Self.prefix) else { return nil }
        let rest = text.dropFirst(Self.prefix.count)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        guard Self.isAuthority(authority), Self.isPath(path) else { return nil }
        self.text = text
        self.authority = String(authority)
        self.path = String(path)
    }

    /// The host alone, without the port.
    package var host: String { String(self.authority.prefix { $0 != ":" }) }

    private static func isAuthority(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty, !host.hasPrefix("."), !host.hasPrefix("-") else { return false }
        if parts.count == 2 { guard let port = UInt16(parts[1]), port > 0, "\(port)" == parts[1] else { return false } }
        return host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    private static func isPath(_ path: Substring) -> Bool {
        guard !path.isEmpty else { return true }
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        return segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "-._~".utf8.contains(byte)
                    }
                }
        }
    }
}

extension IssuerURL: CustomStringConvertible {
    package var description: String { self.text }
}
