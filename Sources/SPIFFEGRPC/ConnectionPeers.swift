import NIOCore
import SPIFFE
import SPIFFETLS
import Synchronization

/// The verified peers of the connections that are open, by the two addresses of each.
///
/// gRPC Swift tells a call the addresses of its connection and nothing else of it that can be set from outside. The two
/// together name one open TCP connection.
final class ConnectionPeers: Sendable {
    struct Addresses: Hashable {
        let remote: String
        let local: String
    }

    private struct Entry {
        let peer: VerifiedX509SVID
        let channel: ObjectIdentifier
    }

    private let entries = Mutex<[Addresses: Entry]>([:])

    /// The peer of the connection between two addresses, as gRPC writes them.
    func peer(remote: String, local: String) -> VerifiedX509SVID? {
        self.entries.withLock { $0[Addresses(remote: remote, local: local)]?.peer }
    }

    /// Notes the peer of a connection from its handshake until its end.
    func follow(_ channel: any Channel) {
        guard let remote = channel.remoteAddress?.asGRPCWritesIt, let local = channel.localAddress?.asGRPCWritesIt
        else { return }
        let addresses = Addresses(remote: remote, local: local)
        let id = ObjectIdentifier(channel)
        channel.spiffePeer().whenSuccess { peer in
            guard let peer else { return }
            self.entries.withLock { $0[addresses] = Entry(peer: peer, channel: id) }
        }
        channel.closeFuture.whenComplete { _ in
            // The addresses may be those of a later connection already.
            self.entries.withLock { entries in
                if entries[addresses]?.channel == id { entries[addresses] = nil }
            }
        }
    }
}

extension SocketAddress {
    /// `ipv4:127.0.0.1:8443`, `ipv6:[::1]:8443`.
    fileprivate var asGRPCWritesIt: String? {
        guard let port = self.port else { return nil }
        switch self {
        case .v4(let address): return "ipv4:\(address.host):\(port)"
        case .v6(let address): return "ipv6:[\(address.host)]:\(port)"
        case .unixDomainSocket: return nil
        }
    }
}
