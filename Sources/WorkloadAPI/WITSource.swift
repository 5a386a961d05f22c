public import Logging
package import Rotation
public import SPIFFE
public import ServiceLifecycle

/// The WIT-SVIDs of this process, and what it takes to validate those of its callers.
///
/// Run it as a service beside those that use it. It follows two streams of the Workload API, one of SVIDs and one of
/// bundles; what arrives replaces everything before. Where the Workload API serves no WIT-SVIDs, which are optional,
/// ``run()`` throws at once and asks no more.
///
/// ```swift
/// let scope = try WorkloadProofScope(target: "https://reports.example.org/a")
/// let presentation = try source.presentation(for: scope)
/// request.headers[WITPresentation.identityTokenField] = presentation.identityToken
/// request.headers[WITPresentation.proofTokenField] = presentation.proofToken
/// ```
public final class WITSource: Service {
    private let svidStream: FollowedStream<[WITSVID]>
    private let bundleStream: FollowedStream<TrustBundles>
    private let selection: SVIDSelection
    private let instants: Instants

    /// Creates a source that holds nothing until ``run()`` has received something.
    ///
    /// - Parameters:
    ///   - client: Whom to ask.
    ///   - selection: Which SVID to use where there are several. Default: the server's first.
    ///   - logger: Told when the Workload API fails and when it is back.
    public convenience init(
        client: WorkloadAPIClient, selection: SVIDSelection = .first,
        logger: Logger = Logger(label: "spiffe.wit-source")
    ) {
        self.init(client: client, selection: selection, logger: logger, instants: .system)
    }

    package init(client: WorkloadAPIClient, selection: SVIDSelection, logger: Logger, instants: Instants) {
        self.svidStream = FollowedStream(client: client, stream: .witSVIDs, logger: logger)
        self.bundleStream = FollowedStream(client: client, stream: .witBundles, logger: logger)
        self.selection = selection
        self.instants = instants
    }

    /// Follows SVIDs and bundles until it is cancelled or gracefully shut down.
    ///
    /// When one of the two is refused for good neither is followed any more, and what both gave is withdrawn. Throws as
    /// ``X509Source/run()``.
    public func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.svidStream.runUntilGracefulShutdown() }
                group.addTask { try await self.bundleStream.runUntilGracefulShutdown() }
                defer { group.cancelAll() }
                while try await group.next() != nil {}
            }
        } catch let error as WorkloadAPIError {
            // The other one was cancelled, and would keep for ever what it had last.
            self.svidStream.withdraw(error)
            self.bundleStream.withdraw(error)
            throw error
        }
    }

    /// The selected SVID.
    ///
    /// - Throws: ``WorkloadAPIError``: `.notReady` or the last failure before something has arrived,
    ///   `.permissionDenied` when the identity was withdrawn, `.noSuchSVID` when no SVID is the selected one.
    public func current() throws(WorkloadAPIError) -> WITSVID {
        try self.selection.select(from: self.svidStream.state.current.value)
    }

    /// The selected SVID and each replacement: the newest only, for a slow consumer.
    ///
    /// As ``X509Source/updates()``.
    public func updates() -> some AsyncSequence<Result<WITSVID, WorkloadAPIError>, Never> & Sendable {
        let selection = self.selection
        return self.svidStream.state.updates().map { state in
            Result { () throws(WorkloadAPIError) in try selection.select(from: state.value) }
        }
    }

    /// What one request carries: the selected SVID, and a proof for this request made now.
    ///
    /// - Throws: as ``current()``, and `WITPresentationError`.
    public func presentation(
        for scope: WorkloadProofScope, lifetime: Duration = WITSVID.defaultProofLifetime
    ) throws -> WITPresentation {
        try self.current().presentation(for: scope, now: self.instants.now(), lifetime: lifetime)
    }

    /// Validates what a caller's request carried, against the bundles that ``run()`` follows.
    ///
    /// Whether a proof may come twice is for a `WorkloadProofHistory` to judge.
    ///
    /// - Parameters:
    ///   - token: The caller's WIT-SVID.
    ///   - proof: The proof that came along; nil when there was none, which is refused.
    ///   - scope: What the request is, as this process saw it.
    ///   - leeway: How far the clocks may differ; 0 to 120 s. Default: none.
    /// - Throws: ``WorkloadAPIError`` where there are no bundles; `WITSVIDError` where token or proof are not valid.
    public func validate(
        _ token: String, proof: String?, for scope: WorkloadProofScope, leeway: Duration = .zero
    ) throws -> VerifiedWITSVID {
        try VerifiedWITSVID.validate(
            token, proof: proof, for: scope, bundles: self.bundles(), now: self.instants.now(), leeway: leeway)
    }

    /// The WIT bundles in force.
    ///
    /// Throws as ``current()``.
    public func bundles() throws(WorkloadAPIError) -> TrustBundles {
        try self.bundleStream.state.current.value
    }

    /// The WIT bundles and each replacement: the newest only, for a slow consumer.
    ///
    /// As ``X509Source/updates()``.
    public func bundleUpdates() -> some AsyncSequence<Result<TrustBundles, WorkloadAPIError>, Never> & Sendable {
        self.bundleStream.updates()
    }

    /// Waits until there is the selected SVID and there are bundles, and returns the SVID.
    ///
    /// - Parameter timeout: Above zero, for each of the two. Default: 30 s.
    /// - Throws: ``WorkloadAPIError``: what stands in the way when the time is up, `.timedOut` where nothing is known.
    @discardableResult
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws -> WITSVID {
        let selection = self.selection
        let svid = try await self.svidStream.waitUntilReady(timeout: timeout, instants: self.instants) {
            svids throws(WorkloadAPIError) in try selection.select(from: svids)
        }
        try await self.bundleStream.waitUntilReady(timeout: timeout, instants: self.instants) { _ in }
        return svid
    }
}
