package import NIOSSL
package import SPIFFE
import Synchronization
import X509

/// The TLS context of the newest usable identity, made once per snapshot.
///
/// A snapshot that no context can be made of is refused whole, SVID and bundles: the last good one stays in force.
package final class IdentityContext: Sendable {
    /// One snapshot and the context made of it.
    package struct Snapshot: Sendable {
        package let identity: X509Identity
        package let context: NIOSSLContext
    }

    private struct State {
        var good: Snapshot?
        var refused: X509Identity?
    }

    private let makeContext: @Sendable (X509SVID) throws -> NIOSSLContext
    private let refusals: RefusedIdentities
    private let state = Mutex(State())

    /// - Parameter refusals: Told of each SVID that no context can be made of.
    package init(
        makeContext: @escaping @Sendable (X509SVID) throws -> NIOSSLContext,
        refusals: RefusedIdentities
    ) {
        self.makeContext = makeContext
        self.refusals = refusals
    }

    /// The snapshot to use now that the source holds `identity`.
    ///
    /// - Throws: ``SPIFFETLSError/identityUnusable(_:)`` when it is bad and there was no good one before.
    package func snapshot(for identity: X509Identity) throws(SPIFFETLSError) -> Snapshot {
        let unusable = SPIFFETLSError.identityUnusable(identity.svid.id)
        let (good, refused) = self.state.withLock { ($0.good, $0.refused) }
        if let good, good.identity.isSame(as: identity) { return good }
        if let refused, refused.isSame(as: identity) {
            guard let good else { throw unusable }
            return good
        }

        // Made outside of the lock. Two event loops may make one each: both are good, the later one stays.
        do {
            let snapshot = Snapshot(identity: identity, context: try self.makeContext(identity.svid))
            self.state.withLock { $0 = State(good: snapshot, refused: nil) }
            return snapshot
        } catch {
            self.state.withLock { $0.refused = identity }
            self.refusals.tell(of: identity.svid)
            guard let good else { throw unusable }
            return good
        }
    }
}

extension X509Identity {
    /// Whether two snapshots are the same one.
    ///
    /// The key belongs to the certificate; comparing it would tell nothing more.
    fileprivate func isSame(as other: X509Identity) -> Bool {
        self.svid.certificates == other.svid.certificates && self.bundles == other.bundles
    }
}
