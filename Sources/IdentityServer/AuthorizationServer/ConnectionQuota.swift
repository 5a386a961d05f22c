package import NIOCore
import PeerTransport
import Synchronization

/// How many connections come from each network: further ones are closed before their handshake.
///
/// Who a client is shows only when it has proved it, and until then a network is all that is known.
package final class ConnectionQuota: Sendable {
    private let limit: Int
    private let counts = Mutex<[PeerKey: Int]>([:])

    /// - Parameter limit: The most connections of an IPv4 address, or of an IPv6 network (/64).
    package init(limit: Int) {
        self.limit = limit
    }

    /// The first handler of an accepted connection.
    package func handler() -> any ChannelHandler {
        QuotaHandler(quota: self)
    }

    /// How many networks have connections.
    package var networks: Int { self.counts.withLock { $0.count } }

    fileprivate func take(_ key: PeerKey) -> Bool {
        self.counts.withLock { counts in
            guard counts[key, default: 0] < self.limit else { return false }
            counts[key, default: 0] += 1
            return true
        }
    }

    fileprivate func release(_ key: PeerKey) {
        self.counts.withLock { counts in
            let count = (counts[key] ?? 1) - 1
            counts[key] = count == 0 ? nil : count
        }
    }
}

/// Counts its connection as long as it is there.
private final class QuotaHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let quota: ConnectionQuota

    init(quota: ConnectionQuota) {
        self.quota = quota
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let key = PeerKey(remote: context.channel.remoteAddress)
        guard self.quota.take(key) else {
            context.close(promise: nil)
            return
        }
        // Whatever becomes of the pipeline: a connection that fails early never becomes inactive.
        let quota = self.quota
        context.channel.closeFuture.whenComplete { _ in quota.release(key) }
    }
}
