package import NIOCore

extension Channel {
    /// Keeps what was made of an accepted connection until the connection is closed.
    ///
    /// A server that stops lets go of the connections that it has accepted and not taken up yet. A `NIOAsyncChannel` that
    /// nobody has taken up ends the process when it is let go of while its connection is open; so it is not.
    package func keep(_ value: some Sendable) {
        self.closeFuture.whenComplete { _ in withExtendedLifetime(value) {} }
    }
}
