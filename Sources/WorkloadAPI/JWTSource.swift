public import Logging
package import Rotation
public import SPIFFE
public import ServiceLifecycle
import Synchronization

/// The JWT-SVIDs of this process, and what it takes to validate those of its callers.
///
/// Tokens are fetched when they are asked for and kept until half of their life has passed; whoever asks for the same
/// one at the same time shares a call. Run it as a service to validate tokens locally: it then follows the JWT bundles.
public final class JWTSource: Service {
    private let client: WorkloadAPIClient
    private let bundleStream: FollowedStream<TrustBundles>
    private let instants: Instants
    private let reports: FailureReports
    private let cache = Mutex(JWTSVIDCache())
    private let flights = SingleFlight<JWTSVIDCache.Key, JWTSVID>()
    private let validator = JWTSVIDValidator()

    /// Creates a source that holds no bundles until ``run()`` has received some.
    public convenience init(client: WorkloadAPIClient, logger: Logger = Logger(label: "spiffe.jwt-source")) {
        self.init(client: client, logger: logger, instants: .system)
    }

    package init(client: WorkloadAPIClient, logger: Logger, instants: Instants) {
        self.client = client
        self.bundleStream = FollowedStream(client: client, stream: .jwtBundles, logger: logger)
        self.instants = instants
        self.reports = FailureReports(
            logger: logger, failure: "Workload API gave no JWT-SVID", recovery: "Workload API gives JWT-SVIDs again")
    }

    /// Follows the JWT bundles until it is cancelled or gracefully shut down.
    ///
    /// When the Workload API has no identity for this process any more, the tokens that were kept are dropped, too.
    /// Throws as ``X509Source/run()``.
    public func run() async throws {
        try await self.bundleStream.runUntilGracefulShutdown(whenDenied: { self.cache.withLock { $0.removeAll() } })
    }

    /// A JWT-SVID for an audience: one in the first half of its life, or a new one.
    ///
    /// When the Workload API cannot be reached, fails or sends rubbish, the last token serves until it expires; when it
    /// denies one, the last token is dropped.
    ///
    /// - Parameters:
    ///   - audience: Who the token is for; at least one, none of them empty.
    ///   - selection: Whose token, where this process has several identities. Default: the server's first.
    /// - Throws: ``WorkloadAPIError``; `.noSuchSVID` when no token is the selected one; `.invalidArgument`, without a call,
    ///   for no audience and for an empty one.
    public func token(for audience: Set<String>, selection: SVIDSelection = .first) async throws -> JWTSVID {
        let key = JWTSVIDCache.Key(audience: audience, selection: selection)
        let now = self.instants.now()
        if let svid = self.cache.withLock({ $0.fresh(key, now: now) }) { return svid }
        return try await self.flights.run(key) {
            // The call of another one may have ended just now.
            if let svid = self.cache.withLock({ $0.fresh(key, now: now) }) { return svid }
            return try await self.fetch(key)
        }
    }

    private func fetch(_ key: JWTSVIDCache.Key) async throws -> JWTSVID {
        let era = self.cache.withLock { $0.era }
        do {
            let svids = try await self.client.fetchJWTSVIDs(
                audience: key.audience.sorted(), spiffeID: key.selection.spiffeID)
            let svid = try key.selection.select(from: svids)
            let now = self.instants.now()
            let isOver = self.cache.withLock { cache in
                cache.insert(svid, for: key, askedIn: era, now: now)
                return !cache.hasFailing(now: now)
            }
            if isOver { self.reports.recovered() }
            return svid
        } catch let error as WorkloadAPIError {
            let now = self.instants.now()
            switch error {
            case .permissionDenied, .noSuchSVID:
                self.cache.withLock { $0.remove(key) }
                throw error
            case .unavailable, .timedOut, .failed, .invalidMessage:
                guard let svid = self.cache.withLock({ $0.usableAfterFailure(key, now: now) }) else { throw error }
                self.reports.failed(error, consequence: "the last JWT-SVID serves until it expires")
                return svid
            default:
                throw error
            }
        }
    }

    /// Validates a caller's JWT-SVID by the Workload API, which is to be preferred.
    ///
    /// See ``WorkloadAPIClient/validateJWTSVID(_:audience:)``.
    public func validate(_ token: String, audience: String) async throws -> ValidatedJWTSVID {
        try await self.client.validateJWTSVID(token, audience: audience)
    }

    /// Validates a caller's JWT-SVID without a call, against the bundles that ``run()`` follows.
    ///
    /// A token that was valid is kept for up to five minutes, 4,096 of them at most: the same one again costs a hash
    /// instead of a signature. Audience, time, and whether its key is still in the bundle, are judged at every call.
    ///
    /// - Parameters:
    ///   - token: In compact serialization.
    ///   - audience: The audience the token must be for: this service.
    ///   - leeway: How far the clocks may differ; 0 to 60 s. Default: none.
    /// - Throws: ``WorkloadAPIError`` where there are no bundles; `JWTSVIDError` where the token is not valid.
    public func validateLocally(_ token: String, audience: String, leeway: Duration = .zero) throws -> JWTSVID {
        try self.validator.validate(
            token, audience: audience, bundles: self.bundles(), now: self.instants.now(), leeway: leeway
        ).svid
    }

    /// The JWT bundles in force.
    ///
    /// Throws as ``X509Source/current()``.
    public func bundles() throws(WorkloadAPIError) -> TrustBundles {
        try self.bundleStream.state.current.value
    }

    /// The JWT bundles and each replacement: the newest only, for a slow consumer.
    ///
    /// As ``X509Source/updates()``.
    public func bundleUpdates() -> some AsyncSequence<Result<TrustBundles, WorkloadAPIError>, Never> & Sendable {
        self.bundleStream.updates()
    }

    /// Waits until there are JWT bundles, and returns them.
    ///
    /// See ``X509Source/waitUntilReady(timeout:)``.
    @discardableResult
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws -> TrustBundles {
        try await self.bundleStream.waitUntilReady(timeout: timeout, instants: self.instants) { $0 }
    }
}
