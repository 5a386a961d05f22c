public import Logging
package import Rotation
public import SPIFFE
public import ServiceLifecycle

/// The X.509 identity of this process, as the Workload API has it at any moment.
///
/// Run it as a service beside those that use it. It follows the stream of the Workload API: what arrives replaces
/// everything before, SVIDs and bundles together. While the agent is away the last state stays in force; when the
/// Workload API has no identity for this process any more, ``current()`` throws.
///
/// ```swift
/// let identity = X509Source(client: WorkloadAPIClient(address: try WorkloadAPIAddress()))
/// let tls = SPIFFETLSContexts(source: identity, policy: .exactly(orders))
/// ```
public final class X509Source: X509SVIDSource, Service {
    private let stream: FollowedStream<X509Context>
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
        logger: Logger = Logger(label: "spiffe.x509-source")
    ) {
        self.init(client: client, selection: selection, logger: logger, instants: .system)
    }

    package init(client: WorkloadAPIClient, selection: SVIDSelection, logger: Logger, instants: Instants) {
        self.stream = FollowedStream(client: client, stream: .x509Context, logger: logger)
        self.selection = selection
        self.instants = instants
    }

    /// Follows the Workload API until it is cancelled or gracefully shut down.
    ///
    /// - Throws: ``WorkloadAPIError/invalidArgument(_:)`` and ``WorkloadAPIError/unimplemented(_:)``, after which there
    ///   is no identity. Everything else is waited for.
    public func run() async throws {
        try await self.stream.runUntilGracefulShutdown()
    }

    /// The selected SVID with the bundles it came with.
    ///
    /// - Throws: ``WorkloadAPIError``: `.notReady` or the last failure before something has arrived,
    ///   `.permissionDenied` when the identity was withdrawn, `.noSuchSVID` when no SVID is the selected one.
    public func current() throws -> X509Identity {
        try self.context().identity(self.selection)
    }

    /// All SVIDs and bundles.
    ///
    /// Throws as ``current()``.
    public func context() throws(WorkloadAPIError) -> X509Context {
        try self.stream.state.current.value
    }

    /// Waits until there is an identity, and returns it.
    ///
    /// Until there is the selected one, where the Workload API has others already.
    ///
    /// - Parameter timeout: Above zero. Default: 30 s.
    /// - Throws: ``WorkloadAPIError``: what stands in the way when the time is up, `.timedOut` where nothing is known.
    @discardableResult
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws -> X509Identity {
        let selection = self.selection
        return try await self.stream.waitUntilReady(timeout: timeout, instants: self.instants) {
            context throws(WorkloadAPIError) in try context.identity(selection)
        }
    }

    /// The identity and each replacement: the newest only, for a slow consumer.
    ///
    /// An element is a failure while there is no identity to use. The sequence is for one consumer and ends when its
    /// task is cancelled.
    public func updates() -> some AsyncSequence<Result<X509Identity, WorkloadAPIError>, Never> & Sendable {
        let selection = self.selection
        return self.stream.state.updates().map { state in
            Result { () throws(WorkloadAPIError) in try state.value.identity(selection) }
        }
    }
}
