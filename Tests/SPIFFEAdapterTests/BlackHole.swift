import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// A server that takes connections and says nothing.
final class BlackHole: Sendable {
    /// A value for each connection that it has taken.
    let accepted = Recorded<Bool>()
    /// A value for each connection that has ended.
    let ended = Recorded<Bool>()
    private let channels = Mutex<[any Channel]>([])

    /// Listens; returns its port.
    func open() async throws -> Int {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                self.channels.withLock { $0.append(channel) }
                channel.closeFuture.whenComplete { _ in self.ended.append(true) }
                self.accepted.append(true)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channels.withLock { $0.append(channel) }
        return channel.localAddress?.port ?? 0
    }

    /// Ends it, and the connections that it has taken.
    func close() async throws {
        for channel in self.channels.withLock({ $0 }) { try? await channel.close() }
    }
}
