public import AccessTokens
import AsyncHTTPClient
import FoundationEssentials
public import Logging
package import Metrics
import NIOHTTP1
package import Rotation
public import ServiceLifecycle

/// The keys of an issuer as its `jwks_uri` publishes them, for services without an agent.
///
/// **There is no feed of revocations behind it**: nothing is ever revoked in this state, and a token serves until it
/// expires or its key leaves the set. `TokenState.knownAt` is the moment of the last fetch, so the validator's
/// `maxStaleness` has to be more than ``refreshInterval``.
///
/// Run it as a service beside those that use it. The set is fetched every ten minutes, up to a tenth of which is left
/// out at random; after a failure, again after 1 s, 2 s … 60 s, while the last good set stays for ``keptFor``. A token
/// of an unknown key has the set fetched, at most once in ``unknownKeyInterval``, and nobody waits for that.
///
/// Metrics, by `iss`: `signet_jwk_set_fetches_total` by `result` (`fetched`, `failed`), and
/// `signet_jwk_set_known_at_seconds`, the moment of the last good fetch in seconds since 1970, which tells the age.
public final class JWKSetState: TokenStateSource, Service {
    /// The time between two fetches, where no key is missing.
    public static let refreshInterval: Duration = .seconds(600)
    /// The least time after a fetch until a missing key is cause for another one.
    public static let unknownKeyInterval: Duration = .seconds(30)
    /// How long a set is kept while the issuer is away, unless something else is said.
    public static let defaultKeptFor: Duration = .seconds(3_600)

    /// How long the last good set is in force while the issuer is away.
    public let keptFor: Duration
    private let issuer: String
    private let url: @Sendable () async throws -> String
    private let client: OAuthHTTPClient
    private let logger: Logger
    private let instants: Instants
    private let metrics: any MetricsFactory
    private let makeGenerator: @Sendable () -> any RandomNumberGenerator
    private let state = Watched<TokenState?>(nil)
    private let isKeyMissing = Watched(false)

    /// Creates a source that holds nothing until ``run()`` has fetched something.
    ///
    /// - Parameters:
    ///   - issuer: As in the `iss` of tokens.
    ///   - url: The `jwks_uri` of its metadata.
    ///   - client: By which the keys are fetched.
    ///   - keptFor: Default: an hour.
    ///   - logger: Told when fetching fails and when it succeeds again.
    public convenience init(
        issuer: String, url: String, client: OAuthHTTPClient, keptFor: Duration = JWKSetState.defaultKeptFor,
        logger: Logger = Logger(label: "signet.jwk-set")
    ) {
        self.init(
            issuer: issuer, url: { url }, client: client, keptFor: keptFor, logger: logger, instants: .system
        ) { SystemRandomNumberGenerator() }
    }

    /// Creates a source that asks where the set is before it fetches it; otherwise as
    /// ``init(issuer:url:client:keptFor:logger:)``.
    public convenience init(
        discovery: OAuthDiscovery, client: OAuthHTTPClient, keptFor: Duration = JWKSetState.defaultKeptFor,
        logger: Logger = Logger(label: "signet.jwk-set")
    ) {
        self.init(
            issuer: discovery.issuer, url: { try await discovery.metadata().jwksURI }, client: client,
            keptFor: keptFor, logger: logger, instants: .system
        ) { SystemRandomNumberGenerator() }
    }

    package init(
        issuer: String, url: @escaping @Sendable () async throws -> String, client: OAuthHTTPClient, keptFor: Duration,
        logger: Logger, instants: Instants, metrics: any MetricsFactory = MetricsSystem.factory,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator
    ) {
        self.issuer = issuer
        self.url = url
        self.client = client
        self.keptFor = keptFor
        self.logger = logger
        self.instants = instants
        self.metrics = metrics
        self.makeGenerator = makeGenerator
    }

    /// The keys as of the last fetch; nil before the first one, and when it is longer ago than ``keptFor``.
    public func currentState() -> TokenState? {
        guard let state = self.state.current else { return nil }
        if let age = state.age(now: self.instants.now()), age > self.keptFor { return nil }
        return state
    }

    /// Has the set fetched soon, because a token named a key that is not in it.
    public func keyWasUnknown() {
        if !self.isKeyMissing.current { self.isKeyMissing.publish(true) }
    }

    /// Waits until there are keys.
    ///
    /// - Throws: ``OAuthClientError/timedOut`` when there are none within `timeout`. Default: 30 s.
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws {
        do {
            try await self.instants.withTimeLimit(timeout) {
                for await state in self.state.updates() where state != nil { return }
                throw CancellationError()
            }
        } catch is TimeLimitExceeded {
            throw OAuthClientError.timedOut
        }
    }

    /// Fetches until it is cancelled or gracefully shut down.
    public func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.follow() }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            return
        }
    }

    private func follow() async throws {
        var generator = self.makeGenerator()
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
        var failures = 0
        while true {
            self.isKeyMissing.publish(false)
            do {
                try await self.fetch()
                self.count("fetched")
                if failures > 0 { self.logger.notice("the JWK Set of the issuer is fetched again") }
                failures = 0
                backoff.reset()
            } catch {
                try Task.checkCancellation()
                failures += 1
                self.count("failed")
                self.logger.log(
                    level: failures == 1 ? .warning : .debug,
                    "the JWK Set of the issuer could not be fetched; the last one ages",
                    metadata: ["error": "\(error)", "failures": "\(failures)", "issuer": "\(self.issuer)"])
                try await self.instants.sleep(for: backoff.next(using: &generator))
                continue
            }
            try await self.pause(Self.refreshInterval * (1 - 0.1 * generator.fraction()))
        }
    }

    private func fetch() async throws {
        // What is published after this moment may not be in the answer.
        let askedAt = self.instants.now()
        var request = HTTPClientRequest(url: try await self.url())
        request.headers.add(name: "Accept", value: "application/json")
        let (status, body) = try await self.client.answer(to: request, maxBytes: AccessTokenKeys.maxBytes)
        guard status == 200 else { throw OAuthClientError.unexpectedStatus(status) }
        let keys: AccessTokenKeys
        do { keys = try AccessTokenKeys(parsing: body) } catch { throw OAuthClientError.keys(error) }
        self.state.publish(
            TokenState(issuer: self.issuer, keys: keys, revocations: RevocationState(), knownAt: askedAt))
        Gauge(label: "signet_jwk_set_known_at_seconds", dimensions: [("iss", self.issuer)], factory: self.metrics)
            .record(askedAt.timeIntervalSince1970)
    }

    private func count(_ result: String) {
        Counter(
            label: "signet_jwk_set_fetches_total", dimensions: [("iss", self.issuer), ("result", result)],
            factory: self.metrics
        ).increment()
    }

    /// Waits for a length of time, or for a missing key; for that not too short a time.
    private func pause(_ duration: Duration) async throws {
        try await self.instants.sleep(for: Self.unknownKeyInterval)
        do {
            try await self.instants.withTimeLimit(duration - Self.unknownKeyInterval) {
                for await isMissing in self.isKeyMissing.updates() where isMissing { return }
                throw CancellationError()
            }
        } catch is TimeLimitExceeded {}
    }
}
