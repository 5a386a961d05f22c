package import FoundationEssentials
import JOSE
import Synchronization
import X509

/// Validates chains as ``VerifiedX509SVID/validate(_:bundles:now:)`` does, and keeps the paths that were valid.
///
/// A peer that comes again with the same chain, byte for byte, costs a hash instead of signatures. The rules that depend
/// on the moment are judged at every call: the validity periods of the whole path, and whether its authority is in the
/// bundle of the trust domain. Where one of them does not hold the chain is validated anew, as there may be another path.
/// Peers mostly have the certificates above their leaf in common: those of a valid path are not read again for another
/// peer, and their signatures are checked all the same.
package final class X509SVIDValidator: Sendable {
    /// How many paths are kept.
    package static let maxKeptPaths = 512
    /// How many certificates are kept that peers have between their leaf and the authority.
    package static let maxKeptIssuers = 64

    /// A path whose signatures are valid.
    private struct Known {
        let peer: VerifiedX509SVID
        let path: CertificationPath

        /// Whether everything that may have changed since the signatures were checked still holds.
        func isValid(bundles: TrustBundles, now: Date) -> Bool {
            guard let authority = self.path.certificates.last?.certificate,
                bundles[self.peer.id.trustDomain]?.x509Authorities.contains(authority) == true
            else { return false }
            do { try self.path.validate(now: now) } catch { return false }
            return true
        }
    }

    private let known: Mutex<RecentlyKnown<Known>>
    private let issuers = Mutex(RecentlyKnown<Certificate>(capacity: X509SVIDValidator.maxKeptIssuers))

    package init(maxKeptPaths: Int = X509SVIDValidator.maxKeptPaths) {
        self.known = Mutex(RecentlyKnown(capacity: maxKeptPaths))
    }

    /// How many paths are kept now.
    package var keptCount: Int { self.known.withLock { $0.count } }

    /// How many certificates of issuers are kept now.
    package var keptIssuerCount: Int { self.issuers.withLock { $0.count } }

    /// Validates a chain of DER certificates, the leaf first.
    ///
    /// - Returns: The peer, and whether its signatures had been checked before.
    /// - Throws: ``X509SVIDError``; `.malformedCertificate` for bytes that are no certificate.
    package func validate(
        _ presented: [[UInt8]], bundles: TrustBundles, now: Date
    ) throws(X509SVIDError) -> (peer: VerifiedX509SVID, isRepeated: Bool) {
        let key = RecentlySeen.Key(parts: presented)
        if let known = self.known.withLock({ $0.value(of: key, now: now) }), known.isValid(bundles: bundles, now: now) {
            return (known.peer, true)
        }
        guard presented.count <= VerifiedX509SVID.maxChainLength else { throw .chainTooLong(count: presented.count) }
        let (chain, new) = try self.read(presented, now: now)
        let (peer, path) = try VerifiedX509SVID.validate(chain, leafDER: presented.first, bundles: bundles, now: now)
        self.known.withLock { $0.insert(Known(peer: peer, path: path), for: key, keptUntil: peer.notAfter) }
        for (key, issuer) in new where path.certificates.contains(where: { $0.certificate == issuer }) {
            self.issuers.withLock { $0.insert(issuer, for: key, keptUntil: issuer.notValidAfter) }
        }
        return (peer, false)
    }

    /// The certificates of a chain; tells the issuers among them that are not kept.
    private func read(
        _ presented: [[UInt8]], now: Date
    ) throws(X509SVIDError) -> (chain: [Certificate], new: [(key: RecentlySeen.Key, issuer: Certificate)]) {
        var chain: [Certificate] = []
        var new: [(key: RecentlySeen.Key, issuer: Certificate)] = []
        for (position, der) in presented.enumerated() {
            let key = position > 0 ? RecentlySeen.Key(parts: [der]) : nil
            if let key, let issuer = self.issuers.withLock({ $0.value(of: key, now: now) }) {
                chain.append(issuer)
                continue
            }
            guard let certificate = try? Certificate(received: der), Certificate.isSignatureConsistent(der) else {
                throw .malformedCertificate(position: position)
            }
            chain.append(certificate)
            if let key { new.append((key, certificate)) }
        }
        return (chain, new)
    }
}
