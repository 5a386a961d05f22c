import SPIFFE
import Synchronization

/// Whose use of the server is counted together.
enum PeerKey: Hashable, Sendable {
    case uid(UInt32)
    case spiffeID(SPIFFEID)
    /// A remote IP address: peers over TLS that are anonymous, or not known yet.
    case address(String)
}

/// What each peer uses of the server, over all of its connections.
final class PeerQuotas: Sendable {
    private struct Entry {
        let quota: PeerQuota
        var connections: Int
    }

    private let entries = Mutex<[PeerKey: Entry]>([:])

    /// Counts a connection; nil where the peer has as many as it may.
    func openConnection(of key: PeerKey, limits: RPCLimits) -> PeerQuota? {
        self.entries.withLock { entries in
            var entry = entries[key] ?? Entry(quota: PeerQuota(key: key), connections: 0)
            guard entry.connections < limits.maxConnectionsPerPeer else { return nil }
            entry.connections += 1
            entries[key] = entry
            return entry.quota
        }
    }

    func closeConnection(of quota: PeerQuota) {
        self.entries.withLock { entries in
            guard var entry = entries[quota.key] else { return }
            entry.connections -= 1
            entries[quota.key] = entry.connections > 0 ? entry : nil
        }
    }
}

/// What one peer uses.
final class PeerQuota: Sendable {
    private struct Use {
        var streams = 0
        var bufferedBytes = 0
    }

    let key: PeerKey
    private let use = Mutex(Use())

    init(key: PeerKey) {
        self.key = key
    }

    /// Counts a call; false where the peer has as many as it may.
    func openStream(limit: Int) -> Bool {
        self.use.withLock { use in
            guard use.streams < limit else { return false }
            use.streams += 1
            return true
        }
    }

    func closeStream() {
        self.use.withLock { $0.streams -= 1 }
    }

    /// Counts bytes held in memory, or no longer held where negative; returns how many there are now.
    func buffer(_ bytes: Int) -> Int {
        self.use.withLock { use in
            use.bufferedBytes += bytes
            return use.bufferedBytes
        }
    }
}
