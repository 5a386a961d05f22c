import ControlPlaneProtos
import FoundationEssentials
import GRPCCore
import Logging
import ProtoRPC
import Registration
import Rotation
import SPIFFE
import SwiftProtobuf
import Synchronization

/// Keeps the agent's entries and trust bundle as the server has them.
///
/// A server of ours pushes every change; what was missed while the connection was down is made up from the position of
/// the last one. A server that does not push is asked every few seconds.
final class EntrySync: Sendable {
    /// How often a pushing server is asked for its bundle: finds out that a connection is dead, and mends what was
    /// lost.
    static let backstopInterval: Duration = .seconds(60)
    static let timeout: Duration = .seconds(10)
    private static let longestReconnectDelay: Duration = .seconds(10)

    private let connections: ServerConnections
    private let cache: WorkloadCache
    private let store: AgentDataStore
    private let trustDomain: TrustDomain
    private let pollInterval: Duration
    private let instants: Instants
    private let randomness: RandomSource
    private let logger: Logger
    private let held = Mutex(Held())
    private let failures = FailureLog("the agent is not in touch with the server")
    private let changes = Mutex(0)

    /// What the server told, and to whom.
    ///
    /// Entries and positions are an agent's own: one that was attested again under another SPIFFE ID begins anew.
    private struct Held: Sendable {
        var owner: SPIFFEID?
        var merge = EntryMerge()
        /// Whether the cache has the entries of this owner.
        var isPublished = false

        /// Begins anew where another agent is asked for than before.
        mutating func belong(to owner: SPIFFEID) {
            if self.owner != owner { self = Held(owner: owner) }
        }
    }

    init(
        connections: ServerConnections, cache: WorkloadCache, store: AgentDataStore,
        configuration: IdentityAgentConfiguration, instants: Instants, randomness: @escaping RandomSource,
        logger: Logger
    ) {
        self.connections = connections
        self.cache = cache
        self.store = store
        self.trustDomain = configuration.trustDomain
        self.pollInterval = configuration.syncInterval
        self.instants = instants
        self.randomness = randomness
        self.logger = logger
    }

    /// Synchronizes until cancelled.
    func run() async throws {
        var backoff = Backoff(initial: .milliseconds(100), maximum: Self.longestReconnectDelay)
        var generator = self.randomness()
        while true {
            let connection = try await self.connections.connection()
            let before = self.changes.withLock { $0 }
            do {
                do {
                    try await self.follow(connection)
                } catch let error as RPCError where error.code == .unimplemented {
                    try await self.poll(connection)
                }
                backoff.reset()
            } catch {
                try Task.checkCancellation()
                self.failures.failed(error, self.logger)
                if self.changes.withLock({ $0 }) != before { backoff.reset() }
                try await self.instants.sleep(for: backoff.next(using: &generator))
            }
        }
    }

    // MARK: - Push

    /// Takes what the server pushes, until the connection is replaced.
    private func follow(_ connection: ServerConnections.Connection) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.takePushes(connection) }
            group.addTask { _ = try await self.connections.connection(after: connection.number) }
            group.addTask { try await self.refreshBundle() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func takePushes(_ connection: ServerConnections.Connection) async throws {
        let position = self.held.withLock { held in
            held.belong(to: connection.identity.id)
            held.merge.abandonPending()
            return held.merge.position
        }
        let request = Signet_Agent_V1_WatchAuthorizedEntriesRequest.with {
            $0.epoch = position?.epoch ?? ""
            $0.sequence = position?.number ?? 0
        }
        try await self.connections.judging(connection) {
            try await connection.client.stream(SyncMethods.watchAuthorizedEntries, request) { responses in
                for try await response in responses { try await self.apply(response) }
            }
        }
        throw RPCError(code: .unavailable, message: "the server ended the stream of changes")
    }

    private func apply(_ response: Signet_Agent_V1_WatchAuthorizedEntriesResponse) async throws {
        let (entries, refused) = EntryReader(trustDomain: self.trustDomain, logger: self.logger).read(response.entries)
        let message = EntryMerge.Message(
            position: ChangePosition(epoch: response.epoch, number: response.sequence), isFull: response.full,
            entries: entries, removedEntryIDs: response.removedEntryIds + refused, hasMore: response.more)
        let table: EntryTable? = try self.held.withLock { held in
            guard try held.merge.apply(message) else { return nil }
            held.isPublished = true
            return EntryTable(held.merge.entries.values)
        }
        let bundle = response.hasBundle ? self.bundle(response.bundle) : nil
        self.cache.update(entries: table, bundle: bundle, now: self.instants.now())
        self.madeProgress()
        try await self.keep(bundle)
    }

    /// Asks for the bundle now and then.
    ///
    /// An answer that a push overtook may be the older one, and is not used.
    ///
    /// - Throws: when the server does not answer; the connection is then made anew.
    private func refreshBundle() async throws {
        while true {
            try await self.instants.sleep(for: Self.backstopInterval)
            let before = self.cache.current.bundles.own
            let reply = try await self.connections.call(BundleMethods.getBundle, .init(), timeout: Self.timeout)
            guard let bundle = self.bundle(reply) else { continue }
            self.cache.replace(before, with: bundle)
            try await self.keep(bundle)
        }
    }

    // MARK: - Poll

    /// Asks for everything every few seconds, until the connection is replaced.
    private func poll(_ connection: ServerConnections.Connection) async throws {
        self.logger.info(
            "the server does not push changes, asking for them instead",
            metadata: [LogKey.interval: "\(self.pollInterval)"])
        var generator = self.randomness()
        while self.connections.current.current?.number == connection.number {
            try await self.pollOnce(connection)
            let jitter = Double.random(in: 0.9...1.1, using: &generator)
            try await self.instants.sleep(for: self.pollInterval * jitter)
        }
    }

    private func pollOnce(_ connection: ServerConnections.Connection) async throws {
        let reader = EntryReader(trustDomain: self.trustDomain, logger: self.logger)
        let merge = self.held.withLock { held in
            held.belong(to: connection.identity.id)
            return held.merge
        }
        let entries = try await self.connections.judging(connection) {
            try await EntryPoll(connection: connection, reader: reader).entries(held: merge)
        }
        let table: EntryTable? = try self.held.withLock { held in
            let before = held.merge.entries
            try held.merge.replace(with: entries)
            defer { held.isPublished = true }
            return held.merge.entries == before && held.isPublished ? nil : EntryTable(held.merge.entries.values)
        }
        // In force whatever comes of the bundle: the next answer is compared with it.
        if let table { self.cache.update(entries: table, bundle: nil, now: self.instants.now()) }
        let reply = try await self.connections.call(BundleMethods.getBundle, .init(), timeout: Self.timeout)
        let bundle = self.bundle(reply)
        self.cache.update(entries: nil, bundle: bundle, now: self.instants.now())
        self.madeProgress()
        try await self.keep(bundle)
    }

    // MARK: - Both

    /// The bundle of a reply; nil when it is refused, and the last one stays in force.
    private func bundle(_ proto: Spire_Api_Types_Bundle) -> ServerBundle? {
        do {
            let bundle = try ServerBundle(proto, trustDomain: self.trustDomain)
            guard !bundle.trust.x509Authorities.isEmpty else {
                self.logger.warning("a trust bundle without X.509 authorities is not used")
                return nil
            }
            return bundle
        } catch {
            self.logger.warning("the trust bundle of the server is not used", metadata: [LogKey.error: "\(error)"])
            return nil
        }
    }

    private func madeProgress() {
        self.changes.withLock { $0 += 1 }
        if self.failures.succeeded(self.logger) { self.cache.retryFailures() }
    }

    /// Writes the bundle in force to disk, if there is word of one.
    private func keep(_ bundle: ServerBundle?) async throws {
        guard bundle != nil else { return }
        do {
            try await self.store.save(bundle: self.cache.current.bundles.own)
        } catch {
            self.logger.error("the trust bundle was not written to disk", metadata: [LogKey.error: "\(error)"])
        }
    }
}
