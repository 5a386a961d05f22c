import FoundationEssentials
package import NIOSSL
import SPIFFE
import Synchronization

/// The one place where a peer's certificates become a verified SPIFFE ID.
///
/// Each verification reads the bundles and the time anew, so that a connection is judged by what is in force at that
/// moment and not by what was when its context was made.
struct PeerVerification: Sendable {
    let policy: PeerPolicy
    let revokedPeers: RevokedPeers?
    let now: @Sendable () -> Date
    let bundles: @Sendable () throws -> TrustBundles
    let validator = X509SVIDValidator()
    /// Nil where no session is ever resumed.
    let chains: PresentedChains?

    /// Validates the chain a peer presented in a full handshake, leaf first, and applies the policy.
    func verify(_ presented: [NIOSSLCertificate]) throws(SPIFFETLSError) -> VerifiedX509SVID {
        let peer = try self.validate(presented)
        self.chains?.remember(presented)
        return peer
    }

    /// Validates the peer of a resumed session, of which TLS keeps no more than the leaf.
    ///
    /// The intermediates are those the peer presented in its full handshake, as long as they are remembered; without
    /// them a leaf below an intermediate is refused, and the peer must make a full handshake.
    func verifyResumed(_ leaf: NIOSSLCertificate) throws(SPIFFETLSError) -> VerifiedX509SVID {
        try self.validate(self.chains?.chain(of: leaf) ?? [leaf])
    }

    private func validate(_ presented: [NIOSSLCertificate]) throws(SPIFFETLSError) -> VerifiedX509SVID {
        let bundles: TrustBundles
        do { bundles = try self.bundles() } catch { throw .trustBundlesUnavailable }

        let chain: [[UInt8]]
        do { chain = try presented.map { try $0.toDERBytes() } } catch { throw .peerCertificateUnreadable }
        guard !chain.isEmpty else { throw .peerCertificateMissing }

        let peer: VerifiedX509SVID
        do {
            peer = try self.validator.validate(chain, bundles: bundles, now: self.now()).peer
        } catch .malformedCertificate(let position) where position < chain.count {
            throw .peerCertificateUnreadable
        } catch {
            throw .untrustedPeer(error)
        }
        guard self.policy.authorizes(peer.id) else { throw .unauthorizedPeer(peer.id) }
        if let revokedPeers, revokedPeers.revokes(peer) { throw .revokedPeer(peer.id) }
        return peer
    }
}

/// The chains with intermediates that peers presented, by their leaf, so that a resumed session can be validated again.
///
/// One chain above the limit drops the oldest, which costs that peer a full handshake.
package final class PresentedChains: Sendable {
    private struct State {
        var chains: [NIOSSLCertificate: [NIOSSLCertificate]] = [:]
        /// The leaves in the order in which they came; a ring once there are as many as there may be.
        var leaves: [NIOSSLCertificate] = []
        var oldest = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: How many chains are remembered; above zero. Default: 4,096.
    package init(limit: Int = 4_096) {
        self.limit = limit
    }

    package func remember(_ chain: [NIOSSLCertificate]) {
        guard chain.count > 1, let leaf = chain.first else { return }
        self.state.withLock { state in
            guard state.chains.updateValue(chain, forKey: leaf) == nil else { return }
            guard state.leaves.count == self.limit else { return state.leaves.append(leaf) }
            state.chains[state.leaves[state.oldest]] = nil
            state.leaves[state.oldest] = leaf
            state.oldest = (state.oldest + 1) % self.limit
        }
    }

    package func chain(of leaf: NIOSSLCertificate) -> [NIOSSLCertificate] {
        self.state.withLock { $0.chains[leaf] } ?? [leaf]
    }
}
