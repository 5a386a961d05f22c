import Glibc
package import NIOCore
package import SPIFFE

/// Whose use of the server is counted together.
package enum PeerKey: Hashable, Sendable {
    case uid(UInt32)
    case spiffeID(SPIFFEID)
    /// Where a connection over TCP comes from, as long as its peer is anonymous or not known yet: an IPv4 address, or the
    /// first 64 bits of an IPv6 address, since who has one address of such a network has all of them.
    case network([UInt8])

    /// The network of a remote address.
    package init(remote address: SocketAddress?) {
        let text = address?.ipAddress ?? ""
        switch address {
        case .v4:
            self = .network(Self.bytes(of: text, family: AF_INET, count: 4))
        case .v6:
            let bytes = Self.bytes(of: text, family: AF_INET6, count: 16)
            // An IPv4 address at a socket that takes both (RFC 4291 §2.5.5.2).
            let isIPv4 = bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
            self = .network(Array(isIPv4 ? bytes.suffix(4) : bytes.prefix(8)))
        case .unixDomainSocket, nil:
            self = .network([])
        }
    }

    private static func bytes(of text: String, family: CInt, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        _ = unsafe inet_pton(family, text, &bytes)
        return bytes
    }
}
