public import Logging
package import Rotation
public import SPIFFE
public import ServiceLifecycle

/// The trust bundles of the Workload API, for a process that judges others and needs no identity for it.
///
/// Run it as a service. It follows the X.509 bundles and the JWT bundles, each by a stream of its own: X.509 bundles
/// validate X509-SVIDs only, JWT bundles JWT-SVIDs only (SPIFFE Workload API §5.2.2, §6.2.2). While the agent is away
/// the last bundles stay in force. A service with an identity of its own has its bundles in ``X509Source`` and
/// ``JWTSource``.
public final class BundleSource: Service {
    private let x509: FollowedStream<TrustBundles>
    private let jwt: FollowedStream<TrustBundles>
    private let instants: Instants

    /// Creates a source that holds nothing until ``run()`` has received something.
    ///
    /// - Parameters:
    ///   - client: Whom to ask.
    ///   - logger: Told when the Workload API fails and when it is back.
    public convenience init(client: WorkloadAPIClient, logger: Logger = Logger(label: "spiffe.bundle-source")) {
        self.init(client: client, logger: logger, instants: .system)
    }

    package init(client: WorkloadAPIClient, logger: Logger, instants: Instants) {
        self.x509 = FollowedStream(client: client, stream: .x509Bundles, logger: logger)
        self.jwt = FollowedStream(client: client, stream: .jwtBundles, logger: logger)
        self.instants = instants
    }

    /// Follows both kinds of bundles until it is cancelled or gracefully shut down.
    ///
    /// A kind that the Workload API refuses for good, as one whose profile is switched off, is not asked for again,
    /// and the other is followed alone.
    ///
    /// - Throws: ``WorkloadAPIError/invalidArgument(_:)`` and ``WorkloadAPIError/unimplemented(_:)`` when both are
    ///   refused for good.
    public func run() async throws {
        async let x509 = self.refusal(of: self.x509)
        async let jwt = self.refusal(of: self.jwt)
        // Both, whatever the first one is: what is not awaited would be cancelled.
        let refusals = [try await x509, try await jwt].compactMap(\.self)
        if refusals.count == 2 { throw refusals[0] }
    }

    /// Follows a stream to its end.
    ///
    /// - Returns: Why the Workload API refused it for good; nil after a graceful shutdown.
    private func refusal(of stream: FollowedStream<TrustBundles>) async throws -> WorkloadAPIError? {
        do {
            try await stream.runUntilGracefulShutdown()
            return nil
        } catch let error as WorkloadAPIError where error.isFinal {
            return error
        }
    }

    /// The X.509 bundles in force; they hold no JWT authorities.
    ///
    /// - Throws: ``WorkloadAPIError``: `.notReady` or the last failure before any have arrived, `.permissionDenied` when
    ///   they were withdrawn, `.unimplemented` where the Workload API does not offer them.
    public func x509Bundles() throws(WorkloadAPIError) -> TrustBundles {
        try self.x509.state.current.value
    }

    /// The JWT bundles in force; they hold no X.509 authorities.
    ///
    /// Throws as ``x509Bundles()``.
    public func jwtBundles() throws(WorkloadAPIError) -> TrustBundles {
        try self.jwt.state.current.value
    }

    /// Waits until there are bundles of both kinds, or of the one that the Workload API offers.
    ///
    /// - Parameter timeout: Above zero. Default: 30 s.
    /// - Throws: ``WorkloadAPIError``: what stands in the way when the time is up, `.timedOut` where nothing is known.
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws {
        async let x509 = self.refusal(of: self.x509, within: timeout)
        async let jwt = self.refusal(of: self.jwt, within: timeout)
        // Both, whatever the first one is: what is not awaited would be cancelled.
        let refusals = [try await x509, try await jwt].compactMap(\.self)
        if refusals.count == 2 { throw refusals[0] }
    }

    /// Waits until there are bundles.
    ///
    /// - Returns: Why there never will be any; nil when there are.
    private func refusal(
        of stream: FollowedStream<TrustBundles>, within timeout: Duration
    ) async throws -> WorkloadAPIError? {
        do {
            _ = try await stream.waitUntilReady(timeout: timeout, instants: self.instants) { $0 }
            return nil
        } catch let error as WorkloadAPIError where error.isFinal {
            return error
        }
    }

    /// The X.509 bundles and each replacement: the newest only, for a slow consumer.
    ///
    /// As ``X509Source/updates()``.
    public func x509Updates() -> some AsyncSequence<Result<TrustBundles, WorkloadAPIError>, Never> & Sendable {
        self.x509.updates()
    }

    /// The JWT bundles and each replacement: the newest only, for a slow consumer.
    ///
    /// As ``X509Source/updates()``.
    public func jwtUpdates() -> some AsyncSequence<Result<TrustBundles, WorkloadAPIError>, Never> & Sendable {
        self.jwt.updates()
    }
}
