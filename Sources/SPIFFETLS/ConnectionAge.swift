package import NIOCore
import Rotation

/// How old a connection may become, so that it does not outlive the certificates it was made with forever.
///
/// Established connections live on when an identity rotates or a peer's is withdrawn. A service that wants those to
/// take effect within a time sets an age. An accepted connection is then told to finish what it is doing, by the
/// `ChannelShouldQuiesceEvent` that servers of HTTP and gRPC answer by taking no more requests, and is closed when the
/// grace is over. A client of gRPC makes another connection beside its own, and closes that when the grace is over,
/// which counts from when the other has taken over: while none does, the connection stays.
public struct ConnectionAge: Sendable, Hashable {
    /// When an accepted connection is told to finish, and a client makes the one that follows its own.
    ///
    /// Each one is by up to a tenth earlier, by chance, so that connections that were made together do not end
    /// together.
    public let maximum: Duration
    /// How long it may then take before it is closed.
    public let grace: Duration

    /// - Parameters:
    ///   - maximum: Above zero.
    ///   - grace: Zero or more. Default: 30 s.
    public init(maximum: Duration, grace: Duration = .seconds(30)) {
        precondition(maximum > .zero && grace >= .zero, "an age is above zero, a grace not below it")
        self.maximum = maximum
        self.grace = grace
    }

    /// The age of one connection; from nine tenths of the maximum to the maximum.
    package func limit(using generator: inout some RandomNumberGenerator) -> Duration {
        self.maximum * (1 - 0.1 * generator.fraction())
    }
}

/// Ends its connection at an age.
package final class ConnectionAgeHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer

    private let limit: TimeAmount
    private let grace: TimeAmount
    private var next: Scheduled<Void>?

    package init(limit: Duration, grace: Duration) {
        self.limit = TimeAmount(limit)
        self.grace = TimeAmount(grace)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let loopBound = context.loopBound
        self.next = context.eventLoop.assumeIsolated().scheduleTask(in: self.limit) {
            self.finish(loopBound.value)
        }
    }

    private func finish(_ context: ChannelHandlerContext) {
        let channel = context.channel
        self.next = context.eventLoop.scheduleTask(in: self.grace) { channel.close(promise: nil) }
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.next?.cancel()
        self.next = nil
    }
}
