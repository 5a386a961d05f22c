import NIOCore
import Synchronization

/// The open connections of a listener.
final class ConnectionRegistry: Sendable {
    private struct Entry {
        let channel: any Channel
        /// Nil until a TLS handshake has told.
        var peer: Peer?
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var accepted = 0
        var isDraining = false
    }

    private let state = Mutex(State())
    private let limit: Int
    /// Fires when the last connection has closed after ``drain()``.
    let drained = EndSignal()

    init(limit: Int) {
        self.limit = limit
    }

    /// How many connections one peer may have: never so many that a few peers lock out all others.
    func limitPerPeer(_ limits: RPCLimits) -> Int {
        max(1, min(limits.maxConnectionsPerPeer, self.limit / 4))
    }

    /// Adds a connection and numbers it; nil where there are as many as there may be, or the server is shutting down.
    func add(_ channel: any Channel) -> Int? {
        self.state.withLock { state in
            guard state.entries.count < self.limit, !state.isDraining else { return nil }
            state.entries[ObjectIdentifier(channel)] = Entry(channel: channel)
            state.accepted &+= 1
            return state.accepted & Int.max
        }
    }

    func setPeer(_ peer: Peer, of channel: any Channel) {
        self.state.withLock { $0.entries[ObjectIdentifier(channel)]?.peer = peer }
    }

    func remove(_ channel: any Channel) {
        let isDrained = self.state.withLock { state in
            state.entries.removeValue(forKey: ObjectIdentifier(channel))
            return state.isDraining && state.entries.isEmpty
        }
        if isDrained { self.drained.fire() }
    }

    /// Accepts no further connections.
    func refuse() {
        self.state.withLock { $0.isDraining = true }
    }

    /// Accepts no further connections and asks the open ones to go away.
    func drain() {
        let channels = self.state.withLock { state in
            state.isDraining = true
            return state.entries.values.map(\.channel)
        }
        if channels.isEmpty { self.drained.fire() }
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    /// Closes connections at once, with all of their calls.
    func close(where isConcerned: (Peer?) -> Bool) {
        let entries = self.state.withLock { Array($0.entries.values) }
        for entry in entries where isConcerned(entry.peer) {
            entry.channel.close(promise: nil)
        }
    }
}

extension RPCListener {
    /// How many of a server's connections each of its listeners may have.
    ///
    /// Where there are Unix sockets beside TCP they have a quarter to themselves, so that strangers on the network cannot
    /// keep the administrator out.
    package static func connectionShares(of total: Int, among listeners: [RPCListener]) -> [Int] {
        let local = listeners.count { $0.isLocal }
        let remote = listeners.count - local
        guard local > 0, remote > 0 else { return listeners.map { _ in max(1, total / listeners.count) } }
        let reserve = total / 4
        return listeners.map { max(1, $0.isLocal ? reserve / local : (total - reserve) / remote) }
    }

    private var isLocal: Bool {
        if case .unix = self.address { true } else { false }
    }
}
