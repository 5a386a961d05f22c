package import SPIFFE

/// Who is on the other end of a connection.
package enum Peer: Sendable, Hashable {
    /// A process on this machine, over a Unix socket.
    case unix(UnixPeer)
    /// A peer over TLS: its verified certificate chain, or nil where it presented none (anonymous).
    case tls(VerifiedX509SVID?)
}

/// A process that connected a Unix socket, as the kernel recorded it then (`SO_PEERCRED`).
///
/// The process may have ended since, and its number may belong to another: attest only what
/// ``RPCContext/openPeerProcess()`` returns.
package struct UnixPeer: Sendable, Hashable {
    package let pid: Int32
    package let uid: UInt32
    package let gid: UInt32

    package init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }
}
