public import FoundationEssentials
public import GRPCCore
public import GRPCNIOTransportHTTP2Posix
import NIOCore
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
/// calls that begin from when it is connected, and the old one is closed when its last call has ended. Where it is the
/// server that ends a connection (a maximum age of its own, a shutdown) the next one is made at once too, but calls that
/// meet the end between their first byte and their acceptance fail as `UNAVAILABLE`, and are for the retry policy of
/// their method. So let the client's age be below the server's.
public final class SPIFFEClientTransport: ClientTransport {
    public typealias Bytes = GRPCNIOTransportBytes

    private typealias Generation = ClientGenerations.Generation

    private enum Event: Sendable {
        case begin(Generation)
        case connected(Int)
    }

    /// How long a call waits whose connection was gone before it began, the first time; twice as long each time.
    private static let firstPause: Duration = .milliseconds(10)
    private static let longestPause: Duration = .seconds(1)
    /// How many times such a call begins again that does not wait for a connection.
    private static let attempts = 5

    private let connectionAge: ConnectionAge?
    private let makeTransport: @Sendable (_ number: Int) throws -> HTTP2ClientTransport.Posix
    private let generations: Mutex<ClientGenerations>
    private let events: AsyncStream<Event>
    private let event: AsyncStream<Event>.Continuation

    /// - Parameters:
    ///   - target: The name or address of the server.
    ///   - source: Where the SVID and the bundles come from; asked at every connection.
    ///   - policy: Which servers are called.
    ///   - now: The time at which certificates are judged. Default: the clock of this machine.
    ///   - connectionAge: How old a connection may become before another one replaces it; how long its calls may take
    ///     after that. Default: as old as it likes.
    ///   - revokedPeers: The servers whose connections are refused and ended. Default: nobody's.
    ///   - config: How gRPC is spoken.
    ///   - resolverRegistry: Who finds the addresses of the target. Default: DNS and the addresses that targets have.
    ///   - serviceConfig: How calls are balanced and retried where the name says nothing of it.
    /// - Throws: `RuntimeError` where there is no resolver for the target.
    public init(
        target: sending any ResolvableTarget, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: sending NameResolverRegistry = .defaults,
        serviceConfig: ServiceConfig = ServiceConfig()
    ) throws {
        let tls = SPIFFETLSContexts(
            source: source, policy: policy, now: now, applicationProtocols: ["h2"], revokedPeers: revokedPeers)
        let (events, event) = AsyncStream<Event>.makeStream()
        let names = Mutex((target: target, resolvers: resolverRegistry))
        let makeTransport: @Sendable (Int) throws -> HTTP2ClientTransport.Posix = { number in
            var config = config
            let callback = config.channelDebuggingCallbacks.onCreateTCPConnection
            // What gRPC Swift has for security of one's own: `customSecure`, and handlers that are added here.
            config.channelDebuggingCallbacks.onCreateTCPConnection = { channel in
                let created = callback?(channel) ?? channel.eventLoop.makeSucceededVoidFuture()
                return created.flatMap { tls.secureClient(channel) }.map {
                    channel.spiffePeer().whenSuccess { _ in event.yield(.connected(number)) }
                }
            }
            return try names.withLock {
                try HTTP2ClientTransport.Posix(
                    target: $0.target, transportSecurity: .customSecure, config: config,
                    resolverRegistry: $0.resolvers, serviceConfig: serviceConfig)
            }
        }
        let first = Generation(number: 0, transport: try makeTransport(0))
        self.connectionAge = connectionAge
        self.makeTransport = makeTransport
        self.generations = Mutex(ClientGenerations(first: first))
        (self.events, self.event) = (events, event)
        event.yield(.begin(first))
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
                for await event in self.events {
                    switch event {
                    case .begin(let generation): group.addTask { try await self.run(generation) }
                    case .connected(let number): self.promote(number)
                    }
                }
            }
        } onCancel: {
            self.beginGracefulShutdown()
        }
    }

    public func beginGracefulShutdown() {
        for generation in self.generations.withLock({ $0.end() }) { generation.transport.beginGracefulShutdown() }
        self.event.finish()
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
    private func wait(until age: ConnectionAge, of generation: Generation) async throws {
        for await _ in generation.promotion {}
        var generator = SystemRandomNumberGenerator()
        try await Task.sleep(for: age.limit(using: &generator), clock: .continuous)
        try self.prepareSuccessor(of: generation.number)
        for await _ in generation.retirement {}
        try await Task.sleep(for: age.grace, clock: .continuous)
    }

    private func prepareSuccessor(of number: Int) throws {
        let successor = try self.generations.withLock { generations in
            guard generations.current.number == number else { return nil as Generation? }
            return try generations.prepare { Generation(number: $0, transport: try self.makeTransport($0)) }
        }
        if let successor { self.event.yield(.begin(successor)) }
    }

    private func promote(_ number: Int) {
        let idle = self.generations.withLock { $0.promote(number) }
        idle?.transport.beginGracefulShutdown()
    }

    // MARK: Calls

    @concurrent
    public func withStream<T: Sendable>(
        descriptor: MethodDescriptor, options: CallOptions,
        _ closure: @concurrent (_ stream: RPCStream<Inbound, Outbound>, _ context: ClientContext) async throws -> T
    ) async throws -> T {
        var attempt = 0
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
                attempt += 1
                guard await self.mayBegin(attempt, after: generation, options) else { throw error }
            }
        }
    }

    /// Waits before a call begins again whose connection was gone before it began; returns whether it may.
    private func mayBegin(_ attempt: Int, after generation: Generation, _ options: CallOptions) async -> Bool {
        let (current, isEnding) = self.generations.withLock { ($0.current.number, $0.isEnding) }
        guard !isEnding else { return false }
        guard current == generation.number else { return true }
        guard options.waitForReady == true || attempt < Self.attempts else { return false }
        let pause = min(Self.firstPause * (1 << min(attempt - 1, 10)), Self.longestPause)
        try? await Task.sleep(for: pause, clock: .continuous)
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
    /// See ``SPIFFEClientTransport/init(target:source:policy:now:connectionAge:revokedPeers:config:resolverRegistry:serviceConfig:)``.
    public static func spiffe(
        target: sending any ResolvableTarget, source: any X509SVIDSource, policy: PeerPolicy,
        now: @escaping @Sendable () -> Date = { Date() }, connectionAge: ConnectionAge? = nil,
        revokedPeers: RevokedPeers? = nil,
        config: HTTP2ClientTransport.Posix.Config = .defaults,
        resolverRegistry: sending NameResolverRegistry = .defaults,
        serviceConfig: ServiceConfig = ServiceConfig()
    ) throws -> Self {
        try Self(
            target: target, source: source, policy: policy, now: now, connectionAge: connectionAge,
            revokedPeers: revokedPeers, config: config, resolverRegistry: resolverRegistry,
            serviceConfig: serviceConfig)
    }
}
