import HummingbirdCore
import Logging
import NIOCore
import SPIFFETLS

/// A connection of an HTTP server that ends no process when the server stops before it has taken it up.
struct KeptChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        self.base.setup(channel: channel, logger: logger).map { value in
            channel.keep(value)
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await self.base.handle(value: value, logger: logger)
    }
}
