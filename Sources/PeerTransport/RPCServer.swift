package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// A gRPC server that knows who is on the other end of every call.
///
/// Graceful shutdown: no more connections are accepted, open ones are told to go away (GOAWAY), calls may end for
/// ``RPCLimits/drainTimeout``, then everything is closed. Handlers of endless streams may end them by themselves: their
/// tasks see the graceful shutdown of the service. Cancelling ``run()`` closes at once.
package final class RPCServer: Service {
    private let listeners: [RPCListener]
    private let logger: Logger
    private let group: any EventLoopGroup
    private let queues: CallQueues
    /// Those of each listener.
    private let connections: [ConnectionRegistry]
    private let addresses: EventLoopPromise<[SocketAddress]>

    /// Creates a server that is bound when it runs.
    ///
    /// - Parameter group: The event loops. Default: those of the process, one a core.
    package init(
        listeners: [RPCListener], logger: Logger, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        self.listeners = listeners
        self.logger = logger
        self.group = group
        self.queues = CallQueues(count: System.coreCount)
        let total = listeners.compactMap(\.limits.maxConnections).max() ?? OpenFiles.connectionLimit
        self.connections = RPCListener.connectionShares(of: total, among: listeners).map(ConnectionRegistry.init)
        self.addresses = group.any().makePromise()
    }

    /// Listens and serves until shutdown.
    ///
    /// - Throws: ``UnixSocketError`` or ``TCPListenError`` when a listener cannot be bound; nothing is served then.
    ///   ``RPCServerError/listenerClosed`` when one ends by itself.
    package func run() async throws {
        let bound: [BoundListener]
        do {
            bound = try await self.bind()
        } catch {
            self.addresses.fail(error)
            throw error
        }
        self.addresses.succeed(bound.map(\.address))
        for listener in bound { self.logger.info("listening", metadata: ["address": "\(listener.address)"]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let queues = self.queues
            group.addTask { await queues.run() }
            let result = await self.serve(bound)
            queues.finish()
            try await group.waitForAll()
            try result.get()
        }
    }

    /// Where a listener is bound; waits until it is.
    ///
    /// - Throws: Why binding failed, when it did.
    package func boundAddress(of index: Int) async throws -> SocketAddress {
        try await self.addresses.futureResult.get()[index]
    }

    /// Closes connections at once, with their open calls; one that arrives at the same moment may begin, and ends with them.
    ///
    /// Peers that TLS has not told yet are not asked about.
    package func closeConnections(where isConcerned: (_ peer: Peer) -> Bool) {
        for connections in self.connections { connections.close { peer in peer.map(isConcerned) ?? false } }
    }

    private func bind() async throws -> [BoundListener] {
        var bound: [BoundListener] = []
        do {
            for (listener, connections) in zip(self.listeners, self.connections) {
                let environment = ConnectionEnvironment(
                    routes: listener.routes.resolved(), limits: listener.limits,
                    connectionsPerPeer: connections.limitPerPeer(listener.limits), queues: self.queues,
                    quotas: self.quotas, connections: connections, logger: self.logger)
                bound.append(try await listener.bind(environment, on: self.group))
            }
            return bound
        } catch {
            for listener in bound { await listener.close() }
            throw error
        }
    }

    private let quotas = PeerQuotas()

    /// Waits for the end, and ends in order.
    private func serve(_ bound: [BoundListener]) async -> Result<Void, any Error> {
        let result = await self.waitForEnd(of: bound)
        for listener in bound { await listener.close() }
        if case .success = result { await self.drain() }
        for connections in self.connections {
            connections.refuse()
            connections.close { _ in true }
        }
        return result
    }

    /// Succeeds at graceful shutdown; fails when cancelled, or when a listener ends by itself.
    private func waitForEnd(of bound: [BoundListener]) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            let ended = EndSignal()
            for listener in bound {
                listener.channel.closeFuture.whenComplete { _ in ended.fire() }
            }
            group.addTask {
                do {
                    return .success(try await gracefulShutdown())
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await ended.wait()
                return .failure(Task.isCancelled ? CancellationError() : RPCServerError.listenerClosed)
            }
            defer { group.cancelAll() }
            return await group.next() ?? .success(())
        }
    }

    private func drain() async {
        let limit = self.listeners.map(\.limits.drainTimeout).max() ?? .zero
        let drained = self.connections.map(\.drained)
        let timer = self.group.any().scheduleTask(in: TimeAmount(limit)) { for signal in drained { signal.fire() } }
        for connections in self.connections { connections.drain() }
        for signal in drained { await signal.wait() }
        timer.cancel()
    }
}

/// Why a server ended, or refused a connection.
package enum RPCServerError: Error, Hashable {
    /// A listener ended without being told to.
    case listenerClosed
    /// The server, or the peer, has as many connections as it may.
    case tooManyConnections
}
