package import NIOCore

extension Channel {
    /// Closes an accepted connection whose peer is not verified in time.
    ///
    /// Called on the channel's event loop, with the handlers of ``SPIFFETLSContexts`` in place.
    package func closeUnlessVerified(within timeout: TimeAmount = .seconds(10)) {
        let deadline = self.eventLoop.scheduleTask(in: timeout) { self.close(promise: nil) }
        self.spiffePeer().whenComplete { _ in deadline.cancel() }
    }
}
