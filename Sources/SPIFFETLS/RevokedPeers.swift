public import SPIFFE
import Synchronization

/// The peers that are not talked to any more although their X509-SVIDs are still valid.
///
/// Given to contexts, it refuses their handshakes with ``SPIFFETLSError/revokedPeer(_:)`` and ends their connections that
/// are open when they become known. One value serves any number of contexts.
///
/// Nobody is revoked until ``replace(_:)`` says so.
public final class RevokedPeers: Sendable {
    /// Whether a peer is revoked.
    ///
    /// Called on event loops: it must not block.
    public typealias Rule = @Sendable (VerifiedX509SVID) -> Bool

    private struct Connection {
        let peer: VerifiedX509SVID
        let end: @Sendable () -> Void
    }

    private struct State {
        var isRevoked: Rule = { _ in false }
        var connections: [ObjectIdentifier: Connection] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Replaces the rule, and ends the connections of peers that it revokes.
    public func replace(_ isRevoked: @escaping Rule) {
        let connections = self.state.withLock { state in
            state.isRevoked = isRevoked
            return Array(state.connections.values)
        }
        for connection in connections where isRevoked(connection.peer) { connection.end() }
    }

    /// How many connections would be ended if their peers were revoked.
    package var connectionCount: Int { self.state.withLock { $0.connections.count } }

    func revokes(_ peer: VerifiedX509SVID) -> Bool {
        self.state.withLock { $0.isRevoked }(peer)
    }

    /// Follows a connection until ``forget(_:)``.
    ///
    /// - Returns: Whether its peer is not revoked; nothing is followed when it is.
    func follow(
        _ connection: ObjectIdentifier, of peer: VerifiedX509SVID, end: @escaping @Sendable () -> Void
    ) -> Bool {
        let isRevoked = self.state.withLock { state in
            state.connections[connection] = Connection(peer: peer, end: end)
            return state.isRevoked
        }
        // The rule may have been replaced since the peer was verified; from here on replacing it ends the connection.
        guard isRevoked(peer) else { return true }
        self.forget(connection)
        return false
    }

    func forget(_ connection: ObjectIdentifier) {
        self.state.withLock { _ = $0.connections.removeValue(forKey: connection) }
    }
}
