import Glibc
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
    private let connections: ConnectionRegistry
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
        let limits = listeners.map(\.limits)
        self.queues = CallQueues(
            count: System.coreCount, limit: limits.map(\.maxWaitingCalls).max() ?? RPCLimits().maxWaitingCalls)
        self.connections = ConnectionRegistry(
            limit: limits.compactMap(\.maxConnections).max() ?? OpenFiles.connectionLimit)
        self.addresses = group.any().makePromise()
    }

    /// Listens and serves until shutdown.
    ///
    /// - Throws: ``UnixSocketError``, or what NIO throws, when a listener cannot be bound; nothing is served then.
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

    /// Closes connections at once, with their open calls.
    ///
    /// Peers that TLS has not told yet are not asked about.
    package func closeConnections(where isConcerned: (_ peer: Peer) -> Bool) {
        self.connections.close { peer in peer.map(isConcerned) ?? false }
    }

    private func bind() async throws -> [BoundListener] {
        var bound: [BoundListener] = []
        do {
            for listener in self.listeners {
                let environment = ConnectionEnvironment(
                    routes: listener.routes.resolved(), limits: listener.limits, queues: self.queues,
                    quotas: self.quotas, connections: self.connections, logger: self.logger)
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
        self.connections.refuse()
        self.connections.close { _ in true }
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
        let connections = self.connections
        let timer = self.group.any().scheduleTask(in: TimeAmount(limit)) { connections.drained.fire() }
        connections.drain()
        await connections.drained.wait()
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

/// How many files this process may have open.
private enum OpenFiles {
    /// Connections that leave as many descriptors for the rest of the process: databases, logs, pidfds of callers.
    static var connectionLimit: Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
        return max(16, Int(clamping: limit.rlim_cur) / 2)
    }
}
