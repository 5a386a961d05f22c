public import Logging
package import Rotation
public import SPIFFE
public import ServiceLifecycle

/// Follows the trust bundle of a foreign trust domain: fetches it again and again, and keeps the last good one.
///
/// - It fetches as often as the bundle's refresh hint says, from every 5 seconds to once a day; every five minutes
///   without one. Up to a tenth of that is left out at random, so that many followers do not ask at once.
/// - After a failure it fetches again at the next interval, not at once; the bundle from before stays in force.
/// - A bundle with a smaller sequence number than the one in force is not taken (SPIFFE Federation §4.2).
/// - Every fetch begins at the configured URL.
/// - Cancelling or shutting down ``run()`` ends it; the bundle stays readable. ``endRelation()`` withdraws it.
public final class BundleFollower: Service {
    private let endpoint: BundleEndpoint
    private let client: BundleEndpointClient
    private let serverBundles: @Sendable () -> TrustBundles
    private let store: @Sendable (TrustBundle) async throws -> Void
    private let forget: @Sendable (TrustDomain) async throws -> Void
    private let instants: Instants
    private let logger: Logger
    /// What was fetched last; in force until the relation has ended.
    private let state: Watched<TrustBundle?>
    private let hasEnded = Watched(false)

    /// - Parameters:
    ///   - endpoint: Where the bundle is, and how its server proves who it is.
    ///   - initial: What is in force until the first fetch: the bundle stored last, or the configured one. A
    ///     self-serving `https_spiffe` endpoint cannot be asked without.
    ///   - client: Default: one with the defaults of ``BundleEndpointClient``.
    ///   - serverBundles: For `https_spiffe` endpoints in another trust domain: the bundles in force, that one's among
    ///     them. Asked at every fetch. Default: none.
    ///   - logger: Told of every fetch.
    ///   - store: Keeps a bundle for the next start; called before the bundle is published. A failure is logged, and
    ///     the bundle published nevertheless. Default: does nothing.
    ///   - forget: Deletes what `store` has kept of a trust domain; called by ``endRelation()``. Default: does nothing.
    public convenience init(
        endpoint: BundleEndpoint, initial: TrustBundle?, client: BundleEndpointClient = BundleEndpointClient(),
        serverBundles: @escaping @Sendable () -> TrustBundles = { TrustBundles() }, logger: Logger,
        store: @escaping @Sendable (TrustBundle) async throws -> Void = { _ in },
        forget: @escaping @Sendable (TrustDomain) async throws -> Void = { _ in }
    ) {
        self.init(
            endpoint: endpoint, initial: initial, client: client, serverBundles: serverBundles, instants: .system,
            logger: logger, store: store, forget: forget)
    }

    package init(
        endpoint: BundleEndpoint, initial: TrustBundle?, client: BundleEndpointClient = BundleEndpointClient(),
        serverBundles: @escaping @Sendable () -> TrustBundles = { TrustBundles() }, instants: Instants, logger: Logger,
        store: @escaping @Sendable (TrustBundle) async throws -> Void = { _ in },
        forget: @escaping @Sendable (TrustDomain) async throws -> Void = { _ in }
    ) {
        self.endpoint = endpoint
        self.client = client
        self.serverBundles = serverBundles
        self.store = store
        self.forget = forget
        self.instants = instants
        var logger = logger
        logger[metadataKey: "trust.domain"] = "\(endpoint.trustDomain)"
        logger[metadataKey: "url"] = "\(endpoint.url)"
        if case .httpsSPIFFE(let id) = endpoint.profile { logger[metadataKey: "endpoint.spiffe.id"] = "\(id)" }
        self.logger = logger
        self.state = Watched(initial.flatMap { $0.trustDomain == endpoint.trustDomain ? $0 : nil })
    }

    /// The bundle in force; nil until the first one was fetched, where there was none to begin with.
    public var current: TrustBundle? { self.hasEnded.current ? nil : self.state.current }

    /// The bundle in force and then each that takes its place; for one consumer.
    public func updates() -> some AsyncSequence<TrustBundle?, Never> & Sendable {
        self.state.updates().map { _ in self.current }
    }

    /// Fetches until it is cancelled, told to shut down gracefully, or the relation is ended.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !self.hasEnded.current {
                await self.refresh()
                try await self.pause()
            }
        }
    }

    /// Waits for the next fetch, or for the end of the relation.
    ///
    /// The end interrupts nothing else: what is being stored then is stored, and deleted.
    private func pause() async throws {
        let interval = self.current?.refreshInterval ?? TrustBundle.defaultRefreshInterval
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await hasEnded in self.hasEnded.updates() where hasEnded { return } }
            group.addTask { try await self.instants.sleep(for: interval * Double.random(in: 0.9...1)) }
            defer { group.cancelAll() }
            try await group.next()
        }
        try Task.checkCancellation()
    }

    /// Ends the relation with the foreign trust domain (SPIFFE Federation §6): its bundle is in force no more.
    ///
    /// ``current`` is nil from here on, which ``updates()`` say; ``run()`` returns, after a fetch that is under way, and
    /// nothing is fetched again. Whoever validates with the bundle has to take it out of what it trusts. A stored bundle
    /// that cannot be deleted is logged. There is no way back but a new follower.
    public func endRelation() async {
        self.hasEnded.publish(true)
        // Wakes who follows.
        self.state.publish(nil)
        await self.forgetStored()
    }

    private func forgetStored() async {
        do {
            try await self.forget(self.endpoint.trustDomain)
        } catch {
            self.logger.error(
                "the stored trust bundle of a relation that has ended could not be deleted",
                metadata: ["error": "\(error)"])
        }
    }

    /// Fetches the bundle once.
    ///
    /// What came of it is logged, and to be seen in ``current``.
    public func refresh() async {
        guard !self.hasEnded.current else { return }
        do {
            let fetched = try await self.client.fetch(self.endpoint, trusting: self.trustedBundles())
            await self.take(fetched)
        } catch is CancellationError {
            return
        } catch {
            self.logger.warning(
                "the trust bundle could not be fetched; the last one stays in force",
                metadata: ["error": "\(error)", "sequence": "\(Self.text(self.current))"])
        }
    }

    private func trustedBundles() -> TrustBundles {
        guard let server = self.endpoint.trustDomainOfServer else { return TrustBundles() }
        if server == self.endpoint.trustDomain { return TrustBundles(self.current.map { [$0] } ?? []) }
        return self.serverBundles()
    }

    private func take(_ fetched: TrustBundle) async {
        guard !self.hasEnded.current else { return }
        let current = self.current
        if let current, !fetched.replaces(current) {
            self.logger.warning(
                "the fetched trust bundle is older than the one in force and is not taken",
                metadata: ["sequence": "\(Self.text(fetched))", "sequence.in.force": "\(Self.text(current))"])
            return
        }
        self.logger.info(
            "fetched the trust bundle",
            metadata: ["sequence": "\(Self.text(fetched))", "changed": "\(fetched != current)"])
        guard fetched != current else { return }
        do {
            try await self.store(fetched)
        } catch {
            self.logger.error(
                "the fetched trust bundle could not be stored; it is in force until the end of this process",
                metadata: ["error": "\(error)"])
        }
        self.state.publish(fetched)
        // What was stored after the end of the relation is not to come back at the next start.
        if self.hasEnded.current { await self.forgetStored() }
    }

    private static func text(_ bundle: TrustBundle?) -> String {
        guard let bundle else { return "no bundle" }
        return bundle.sequenceNumber.map { "\($0)" } ?? "none"
    }
}
