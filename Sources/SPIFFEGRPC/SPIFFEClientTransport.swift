public import FoundationEssentials
public import GRPCCore
public import GRPCNIOTransportHTTP2Posix
import NIOCore
package import Rotation
public import SPIFFE
public import SPIFFETLS
import Synchronization

/// A gRPC client transport over mutual TLS between workloads, with an identity that replaces itself and servers known by
/// SPIFFE ID.
///
/// ```swift
/// try await withGRPCClient(
///     transport: .spiffe(
///         target: .dns(host: "payments", port: 8443), source: identity, policy: .exactly(payments),
///         connectionAge: ConnectionAge(maximum: .seconds(600)))
/// ) { client in … }
/// ```
///
/// A server that is not authorized is never sent anything; calls wait for another one, or fail, as the service config
/// says. Host names are neither sent nor compared. A rotation takes effect with the next connection.
///
/// A connection that reaches its age is replaced without a call that fails: the next one is made beside it, takes the
/// calls that begin from when a server has accepted it, and the old one is closed when its last call has ended. While
/// no server accepts the next one (the SVID is of an authority that is not in the server's bundle yet), calls go on
/// beginning on the old one. Where it is the server that ends a connection (a maximum age of its own, a shutdown) the
/// next one is made at once too, but calls that meet the end between their first byte and their acceptance fail as
/// `UNAVAILABLE`, and are for the retry policy of their method. So let the client's age be below the server's.
///
/// A call whose connection is gone before the call has begun begins again on the next one. While there is none, a call
/// that does not wait for connections (`waitForReady`) begins five times within 150 ms before it fails.
public final class SPIFFEClientTransport: ClientTransport {
    public typealias Bytes = GRPCNIOTransportBytes

    private typealias Generations = ClientGenerations<HTTP2ClientTransport.Posix>
    private typealias Generation = Generations.Generation

    /// How long a call waits whose connection was gone before it began, the first time; twice as long each time.
    private static let firstPause: Duration = .milliseconds(10)
    private static let longestPause: Duration = .seconds(1)
    /// How many times such a call begins that does not wait for a connection.
    private static let maxBeginnings = 5
    /// How long until a successor is asked for again that could not be made.
    package static let successorPause: Duration = .seconds(1)

    private let connectionAge: ConnectionAge?
    private let instants: Instants
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator
    private let makeTransport: @Sendable (_ onAccepted: (@Sendable () -> Void)?) throws -> HTTP2ClientTransport.Posix
    private let generations: Mutex<Generations>
    /// The generations that are to connect: one at most, for the next is made when that one has taken over.
    private let beginnings: AsyncStream<Generation>
    private let begin: AsyncStream<Generation>.Continuation

    /// - Parameters:
    ///   - target: The name or address of the server.
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which servers are called.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - connectionAge: When another connection is made beside one; once that has taken over, how long calls on the
    ///     old one may take. While no other can be made, the old one stays. Default: a connection is as old as it likes.
    ///   - revokedPeers: The servers whose connections are refused and ended. Default: nobody's.
    ///   - config: How gRPC is spoken.
    ///   - resolverRegistry: Who finds the addresses of the target. Default: DNS and the addresses that targets have.
    ///   - serviceConfig: How calls are balanced and retried where the name says nothing of it.
    ///   - onRefusedIdentity: Called once for each SVID of the source that cannot be used, on the event loop that came
    ///     upon it; the last good snapshot stays in force. Default: does nothing.
    /// - Throws: `RuntimeError` where there is no resolver for the target.
    public convenience init(
        target: sending any ResolvableTarget, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: sending NameResolverRegistry = .defaults,
        serviceConfig: ServiceConfig = ServiceConfig(),
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) throws {
        let tls = SPIFFETLSContexts(
            source: source, policy: policy, now: now, applicationProtocols: ["h2"], revokedPeers: revokedPeers,
            onRefusedIdentity: onRefusedIdentity)
        try self.init(
            tls: tls, target: target, connectionAge: connectionAge, config: config, resolverRegistry: resolverRegistry,
            serviceConfig: serviceConfig, instants: .system
        ) { SystemRandomNumberGenerator() }
    }

    /// Creates a transport whose ages pass on a clock of one's own.
    package convenience init(
        tls: SPIFFETLSContexts, target: sending any ResolvableTarget, connectionAge: ConnectionAge?,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: sending NameResolverRegistry = .defaults, serviceConfig: ServiceConfig = ServiceConfig(),
        instants: Instants, makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator
    ) throws {
        let names = Mutex((target: target, resolvers: resolverRegistry))
        try self.init(connectionAge: connectionAge, instants: instants, makeGenerator: makeGenerator) { onAccepted in
            var config = config
            let callback = config.channelDebuggingCallbacks.onCreateTCPConnection
            // What gRPC Swift has for security of one's own: `customSecure`, and handlers that are added here.
            config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                let created = callback?(channel) ?? channel.eventLoop.makeSucceededVoidFuture()
                return created.flatMap { Self.secure(channel, tls: tls, onAccepted: onAccepted) }
            }
            return try names.withLock {
                try HTTP2ClientTransport.Posix(
                    target: $0.target, transportSecurity: .customSecure, config: config,
                    resolverRegistry: $0.resolvers, serviceConfig: serviceConfig)
            }
        }
    }

    /// Creates a transport over those that `makeTransport` makes.
    ///
    /// - Parameter makeTransport: Called outside of any lock, also while calls are under way. The transport that it
    ///   makes calls `onAccepted`, if it is given one, when a server has accepted a connection.
    package init(
        connectionAge: ConnectionAge?, instants: Instants,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator,
        makeTransport:
            @escaping @Sendable (_ onAccepted: (@Sendable () -> Void)?) throws -> HTTP2ClientTransport.Posix
    ) throws {
        let first = Generation(number: 0, transport: try makeTransport(nil))
        self.connectionAge = connectionAge
        self.instants = instants
        self.makeGenerator = makeGenerator
        self.makeTransport = makeTransport
        self.generations = Mutex(Generations(first: first))
        (self.beginnings, self.begin) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
        self.begin.yield(first)
    }

    /// Adds TLS to a channel that has gRPC, and between the two what hears the server first.
    private static func secure(
        _ channel: any Channel, tls: SPIFFETLSContexts, onAccepted: (@Sendable () -> Void)?
    ) -> EventLoopFuture<Void> {
        guard let onAccepted else { return tls.secureClient(channel) }
        return channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(AcceptanceHandler(onAccepted), position: .first)
        }.flatMap { tls.secureClient(channel) }
    }

    public var retryThrottle: RetryThrottle? {
        self.generations.withLock { $0.current }.transport.retryThrottle
    }

    public func config(forMethod descriptor: MethodDescriptor) -> MethodConfig? {
        self.generations.withLock { $0.current }.transport.config(forMethod: descriptor)
    }

    // MARK: Connections

    public func connect() async throws {
        try await withTaskCancellationHandler {
            try await withThrowingDiscardingTaskGroup { group in
                for await generation in self.beginnings {
                    group.addTask { try await self.run(generation) }
                }
            }
        } onCancel: {
            self.beginGracefulShutdown()
        }
    }

    public func beginGracefulShutdown() {
        for generation in self.generations.withLock({ $0.end() }) { generation.transport.beginGracefulShutdown() }
        self.begin.finish()
    }

    private func run(_ generation: Generation) async throws {
        // In a task of its own: when a channel of gRPC Swift is cancelled before it is told to close, calls that have
        // just joined its queue wait for ever. So it is told first.
        let connection = Task { try await generation.transport.connect() }
        let end: @Sendable () -> Void = {
            generation.transport.beginGracefulShutdown()
            connection.cancel()
        }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let age = self.connectionAge {
                    group.addTask {
                        try await self.wait(until: age, of: generation)
                        end()
                    }
                }
                defer { group.cancelAll() }
                try await connection.value
            }
        } onCancel: {
            end()
        }
    }

    /// Returns when the grace of a generation is over.
    ///
    /// - Throws: `CancellationError`, and nothing else.
    private func wait(until age: ConnectionAge, of generation: Generation) async throws {
        for await _ in generation.promotion {}
        var generator = self.makeGenerator()
        try await self.instants.sleep(for: age.limit(using: &generator))
        try await self.prepareSuccessor(of: generation)
        for await _ in generation.retirement {}
        try await self.instants.sleep(for: age.grace)
    }

    /// Has the next generation connect; while it cannot be made, the one that there is stays.
    private func prepareSuccessor(of generation: Generation) async throws {
        let number = generation.number + 1
        while true {
            do {
                let transport = try self.makeTransport { [weak self] in self?.promote(number) }
                let successor = Generation(number: number, transport: transport)
                if self.generations.withLock({ $0.prepare(successor) }) { self.begin.yield(successor) }
                return
            } catch {
                try await self.instants.sleep(for: Self.successorPause)
            }
        }
    }

    private func promote(_ number: Int) {
        guard let promotion = self.generations.withLock({ $0.promote(number) }) else { return }
        promotion.announce()
        if promotion.isIdle { promotion.retired.transport.beginGracefulShutdown() }
    }

    // MARK: Calls

    @concurrent
    public func withStream<T: Sendable>(
        descriptor: MethodDescriptor, options: CallOptions,
        _ closure: @concurrent (_ stream: RPCStream<Inbound, Outbound>, _ context: ClientContext) async throws -> T
    ) async throws -> T {
        var beginnings = 0
        while true {
            let generation = self.generations.withLock { $0.beginCall() }
            defer { self.endCall(on: generation) }
            var hasBegun = false
            do {
                return try await generation.transport.withStream(descriptor: descriptor, options: options) {
                    stream, context in
                    hasBegun = true
                    return try await closure(stream, context)
                }
            } catch let error as RPCError where !hasBegun && error.code == .unavailable {
                // Nothing was sent: the connection was about to end, or there is none.
                beginnings += 1
                guard await self.mayBegin(after: beginnings, on: generation, options) else { throw error }
            }
        }
    }

    /// Waits before a call begins again whose connection was gone before it began; returns whether it may.
    private func mayBegin(after beginnings: Int, on generation: Generation, _ options: CallOptions) async -> Bool {
        let (current, isEnding) = self.generations.withLock { ($0.current.number, $0.isEnding) }
        guard !isEnding else { return false }
        guard current == generation.number else { return true }
        guard options.waitForReady == true || beginnings < Self.maxBeginnings else { return false }
        let pause = min(Self.firstPause * (1 << min(beginnings - 1, 10)), Self.longestPause)
        try? await self.instants.sleep(for: pause)
        return !Task.isCancelled
    }

    private func endCall(on generation: Generation) {
        if self.generations.withLock({ $0.endCall(on: generation) }) {
            generation.transport.beginGracefulShutdown()
        }
    }
}

extension ClientTransport where Self == SPIFFEClientTransport {
    /// A client transport over mutual TLS between workloads.
    ///
    /// See ``SPIFFEClientTransport/init(target:source:policy:now:connectionAge:revokedPeers:config:resolverRegistry:serviceConfig:onRefusedIdentity:)``.
    public static func spiffe(
        target: sending any ResolvableTarget, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: sending NameResolverRegistry = .defaults,
        serviceConfig: ServiceConfig = ServiceConfig(),
        onRefusedIdentity: @escaping @Sendable (SPIFFETLSError) -> Void = { _ in }
    ) throws -> Self {
        try Self(
            target: target, source: source, policy: policy, now: now, connectionAge: connectionAge,
            revokedPeers: revokedPeers, config: config, resolverRegistry: resolverRegistry,
            serviceConfig: serviceConfig, onRefusedIdentity: onRefusedIdentity)
    }
}
