import Logging
import NIOCore

/// What the connections of one listener share.
struct ConnectionEnvironment: Sendable {
    let routes: [String: Route]
    let limits: RPCLimits
    /// Connections that one peer may have.
    let connectionsPerPeer: Int
    let queues: CallQueues
    let quotas: PeerQuotas
    let connections: ConnectionRegistry
    let logger: Logger
}
