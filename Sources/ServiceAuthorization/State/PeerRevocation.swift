import AccessTokens
import FoundationEssentials
package import Rotation
public import SPIFFETLS
public import ServiceLifecycle

/// Lets the revocations that the agent streams refuse and end TLS connections.
///
/// Run it as a service beside the ``AgentTokenState``. `signet revoke --spiffe-id` and `--serial` then reach open
/// connections in about a second.
public struct PeerRevocation: Service {
    private let state: AgentTokenState
    private let peers: RevokedPeers
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - state: Run as a service of its own.
    ///   - peers: Also given to the servers and clients of this process.
    public init(state: AgentTokenState, peers: RevokedPeers) {
        self.init(state: state, peers: peers, instants: .system)
    }

    package init(state: AgentTokenState, peers: RevokedPeers, instants: Instants) {
        self.state = state
        self.peers = peers
        self.now = { instants.now() }
    }

    public func run() async throws {
        for await state in self.state.updates().cancelOnGracefulShutdown() {
            guard let state else { continue }
            self.peers.replace { [now = self.now] in state.revocations.target(revoking: $0, now: now()) != nil }
        }
    }
}
