package import NIOCore

/// An address that a server accepts connections at, and what it serves there.
package struct RPCListener: Sendable {
    /// The handlers that prove identities, for one accepted connection, in the order in which they are added.
    ///
    /// They must fire `SPIFFEPeerVerified` before any byte of the application, and negotiate `h2`.
    package typealias TLSHandlers = @Sendable () throws -> [any ChannelHandler]

    package enum Address: Sendable {
        /// A Unix socket.
        ///
        /// Missing directories are made with `directoryMode`. The directory of the socket must belong to the user that
        /// runs the server and be writable by no other; a socket file that nobody listens at is replaced.
        case unix(path: String, socketMode: UInt32, directoryMode: UInt32)
        /// TCP with TLS; port 0 takes a free one.
        case tcp(host: String, port: Int, tls: TLSHandlers)
    }

    /// The longest path of a Unix socket.
    package static let maxSocketPathBytes = UnixSocketFile.maxPathBytes

    /// Whether a text can be the path of a Unix socket: absolute, the name of a file, and short enough for an address.
    package static func isSocketPath(_ path: String) -> Bool {
        path.hasPrefix("/") && !path.hasSuffix("/") && path.utf8.count <= Self.maxSocketPathBytes
            && path.utf8.allSatisfy { $0 != 0 }
    }

    package let address: Address
    package let routes: RPCRoutes
    package let limits: RPCLimits

    package init(_ address: Address, routes: RPCRoutes, limits: RPCLimits = RPCLimits()) {
        self.address = address
        self.routes = routes
        self.limits = limits
    }
}
