public import AccessTokens
public import Logging
public import Metrics
package import Rotation
public import ServiceLifecycle
import Synchronization
public import WorkloadAPI
import WorkloadAPIProtos

/// The state of access tokens as the agent of this machine streams it.
///
/// Run it as a service beside those that use it. A revocation arrives in about a second after it was made; while the
/// agent is away, the last state stays and becomes old, which the validator notices.
///
/// Metrics: `signet_token_state_revocation_lag_seconds`, from a revocation (whose time is in whole seconds) until it is in
/// force here; `signet_token_state_known_at_seconds`, the moment as of which the state is known, in seconds since 1970;
/// `signet_token_state_failures_total`.
public final class AgentTokenState: TokenStateSource, Service {
    private let client: WorkloadAPIClient
    private let instants: Instants
    private let logger: Logger
    private let metrics: TokenStateMetrics
    private let state = Watched<TokenState?>(nil)
    private let following = Mutex(Following())

    private struct Following {
        var assembly = TokenStateAssembly()
        /// How often following has failed since the last message that could be used.
        var failures = 0
    }

    /// Creates a source that holds nothing until ``run()`` has received something.
    ///
    /// - Parameters:
    ///   - client: The socket of the agent.
    ///   - logger: Told when the stream fails and when it is back.
    ///   - metrics: Default: the factory that the process has chosen until now.
    public convenience init(
        client: WorkloadAPIClient, logger: Logger = Logger(label: "signet.token-state"),
        metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.init(client: client, logger: logger, metrics: metrics, instants: .system)
    }

    package init(
        client: WorkloadAPIClient, logger: Logger, metrics: any MetricsFactory = MetricsSystem.factory,
        instants: Instants
    ) {
        self.metrics = TokenStateMetrics(factory: metrics)
        self.client = client
        self.logger = logger
        self.instants = instants
    }

    public func currentState() -> TokenState? { self.state.current }

    /// The state and each replacement: the newest only, for a slow consumer.
    ///
    /// Elements are nil before there has been a state. For one consumer; ends when its task is cancelled.
    public func updates() -> some AsyncSequence<TokenState?, Never> & Sendable {
        self.state.updates()
    }

    /// Waits until there is a state.
    ///
    /// - Throws: `WorkloadAPIError.timedOut` when there is none within `timeout`. Default: 30 s.
    public func waitUntilReady(timeout: Duration = .seconds(30)) async throws {
        do {
            try await self.instants.withTimeLimit(timeout) {
                for await state in self.state.updates() where state != nil { return }
                throw CancellationError()
            }
        } catch is TimeLimitExceeded {
            throw WorkloadAPIError.timedOut
        }
    }

    /// Follows the agent until it is cancelled or gracefully shut down.
    ///
    /// - Throws: `WorkloadAPIError` when the agent does not serve access tokens at all. Everything else is waited for.
    public func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.follow() }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            return
        }
    }

    /// Opens the stream again when it has brought a message that cannot be used: only a new one begins with everything.
    private func follow() async throws {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(30))
        var generator = SystemRandomNumberGenerator()
        while true {
            do {
                try await self.client.follow(.tokenState) { try self.take($0) }
            } catch let error as TokenStateError {
                if self.failed("\(error)") == 1 { backoff.reset() }
                try await self.instants.sleep(for: backoff.next(using: &generator))
            }
        }
    }

    /// - Throws: `TokenStateError` when the message cannot be used, nor any after it.
    private func take(_ update: WorkloadAPIUpdate<Signet_Workload_V1_TokenState>) throws {
        switch update {
        case .received(let message):
            let now = self.instants.now()
            let change = try self.following.withLock { following throws(TokenStateError) in
                do throws(TokenStateError) {
                    let change = try following.assembly.receive(TokenStateMessage(message), now: now)
                    if change != nil { following.failures = 0 }
                    return change
                } catch {
                    following.assembly.restart()
                    throw error
                }
            }
            if let change {
                self.publish(change.state)
                self.metrics.received(change, now: now)
            }
        case .discarded(let error), .interrupted(let error), .withdrawn(let error):
            self.following.withLock { $0.assembly.restart() }
            self.failed("\(error)")
        }
    }

    @discardableResult
    private func failed(_ reason: String) -> Int {
        self.metrics.failed()
        let failures = self.following.withLock { following in
            following.failures += 1
            return following.failures
        }
        self.logger.log(
            level: failures == 1 ? .warning : .debug, "the state of access tokens is not followed, the last one ages",
            metadata: ["error": "\(reason)", "failures": "\(failures)"])
        return failures
    }

    private func publish(_ state: TokenState) {
        if self.state.current == nil { self.logger.info("the state of access tokens is known") }
        self.state.publish(state)
    }
}

extension WorkloadAPIStream<Signet_Workload_V1_TokenState> {
    fileprivate static var tokenState: Self {
        Self(WorkloadAccessTokenMethods.watchTokenState) { $0 }
    }
}
