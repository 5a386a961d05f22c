package import HummingbirdCore
package import Logging
package import NIOCore
import SPIFFE
import SPIFFETLS

/// A connection whose peer is verified before the one behind it sees anything.
package struct SPIFFEChannel<Base: ServerChildChannel>: ServerChildChannel {
    package typealias Value = Base.Value

    private let tls: @Sendable () throws -> [any ChannelHandler]
    private let base: Base

    /// - Parameters:
    ///   - tls: The handlers of TLS for one connection.
    ///   - base: What is behind them.
    package init(tls: @escaping @Sendable () throws -> [any ChannelHandler], base: Base) {
        self.tls = tls
        self.base = base
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers(self.tls())
            channel.closeUnlessVerified()
        }.flatMap {
            self.base.setup(channel: channel, logger: logger)
        }.map { value in
            channel.keep(value)
            return value
        }
    }

    package func handle(value: Base.Value, logger: Logger) async {
        var peer: VerifiedX509SVID?
        do {
            peer = try await value.channel.spiffePeer().get()
        } catch {
            logger.debug("Peer refused", metadata: ["error": "\(error)"])
            try? await value.channel.close()
        }
        // Also after a refusal: the connection's streams have to be read to their end.
        await SPIFFEConnection.$peer.withValue(peer) {
            await self.base.handle(value: value, logger: logger)
        }
    }
}
