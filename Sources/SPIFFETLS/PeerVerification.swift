import FoundationEssentials
import NIOSSL
import SPIFFE
import SwiftASN1
import Synchronization
import X509

/// The one place where a peer's certificates become a verified SPIFFE ID.
///
/// Each verification reads the bundles and the time anew, so that a connection is judged by what is in force at that
/// moment and not by what was when its context was made.
struct PeerVerification: Sendable {
    let policy: PeerPolicy
    let now: @Sendable () -> Date
    let bundles: @Sendable () throws -> TrustBundles
    let chains = PresentedChains()

    /// Validates the chain a peer presented in a full handshake, leaf first, and applies the policy.
    func verify(_ presented: [NIOSSLCertificate]) throws(SPIFFETLSError) -> VerifiedX509SVID {
        let peer = try self.validate(presented)
        self.chains.remember(presented)
        return peer
    }

    /// Validates the peer of a resumed session, of which TLS keeps no more than the leaf.
    ///
    /// The intermediates are those the peer presented in its full handshake, as long as they are remembered; without
    /// them a leaf below an intermediate is refused, and the peer must make a full handshake.
    func verifyResumed(_ leaf: NIOSSLCertificate) throws(SPIFFETLSError) -> VerifiedX509SVID {
        try self.validate(self.chains.chain(of: leaf))
    }

    private func validate(_ presented: [NIOSSLCertificate]) throws(SPIFFETLSError) -> VerifiedX509SVID {
        let bundles: TrustBundles
        do { bundles = try self.bundles() } catch { throw .trustBundlesUnavailable }

        let chain: [Certificate]
        do {
            chain = try presented.map { try Certificate(derEncoded: $0.toDERBytes()) }
        } catch {
            throw .peerCertificateUnreadable
        }
        guard !chain.isEmpty else { throw .peerCertificateMissing }

        let peer: VerifiedX509SVID
        do {
            peer = try VerifiedX509SVID.validate(chain, bundles: bundles, now: self.now())
        } catch {
            throw .untrustedPeer(error)
        }
        guard self.policy.authorizes(peer.id) else { throw .unauthorizedPeer(peer.id) }
        return peer
    }
}

/// The chains with intermediates that peers presented, by their leaf, so that a resumed session can be validated again.
///
/// At most ``maxChains``; a chain more than that drops all of them, which costs those peers a full handshake.
final class PresentedChains: Sendable {
    static let maxChains = 4_096

    private let chains = Mutex<[NIOSSLCertificate: [NIOSSLCertificate]]>([:])

    func remember(_ chain: [NIOSSLCertificate]) {
        guard chain.count > 1, let leaf = chain.first else { return }
        self.chains.withLock { chains in
            if chains.count >= Self.maxChains, chains[leaf] == nil { chains.removeAll() }
            chains[leaf] = chain
        }
    }

    func chain(of leaf: NIOSSLCertificate) -> [NIOSSLCertificate] {
        self.chains.withLock { $0[leaf] } ?? [leaf]
    }
}
